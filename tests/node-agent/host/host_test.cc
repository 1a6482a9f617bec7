#include "node-agent/host/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "node-agent/host/capture.h"
#include "node-agent/host/live.h"
#include "node-agent/host/redact.h"

namespace capacity::host {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

Output Live(std::vector<std::string> arguments,
            std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
  return host::Live()->Run({std::move(arguments), timeout}).at(0);
}

fs::path FreshDirectory(const std::string& name) {
  const fs::path path = fs::path(::testing::TempDir()) / (name + "-" + std::to_string(getpid()));
  fs::remove_all(path);
  return path;
}

void Write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

// ---------------------------------------------------------------- live

TEST(LiveHost, GivesArgumentsToTheProgramAndNotToAShell) {
  const Output output = Live({"printf", "%s|", "a b", "$HOME", "*"});
  EXPECT_EQ(output.how, Output::How::kRan);
  EXPECT_EQ(output.exit_code, 0);
  EXPECT_EQ(output.text, "a b|$HOME|*|");
}

TEST(LiveHost, RunsInTheCLocaleWithTheSystemDirectories) {
  const Output output = Live({"env"});
  EXPECT_THAT(output.text, HasSubstr("LC_ALL=C\n"));
  EXPECT_THAT(output.text, HasSubstr("/usr/sbin:"));
}

TEST(LiveHost, AMissingProgramIsAbsent) {
  EXPECT_EQ(Live({"no-such-program-here"}).how, Output::How::kAbsent);
  EXPECT_EQ(Live({}).how, Output::How::kAbsent);
}

TEST(LiveHost, AFailingProgramTellsItsCodeAndWhatItComplainedOf) {
  const Output output = Live({"sh", "-c", "echo out; echo complaint >&2; exit 6"});
  EXPECT_EQ(output.exit_code, 6);
  EXPECT_EQ(output.text, "out\ncomplaint\n");
  EXPECT_EQ(Live({"sh", "-c", "echo out; echo warning >&2"}).text, "out\n");
}

TEST(LiveHost, ASlowProgramIsStoppedWithItsChildren) {
  const auto start = std::chrono::steady_clock::now();
  const Output output = Live({"sh", "-c", "sleep 30 & sleep 30"}, std::chrono::milliseconds(200));
  EXPECT_EQ(output.how, Output::How::kTimedOut);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

#ifdef CAPACITY_UNDYING
TEST(LiveHost, AProgramThatCannotBeKilledHoldsNobodyUpAndIsNotStartedTwice) {
  const Output first = Live({CAPACITY_UNDYING}, std::chrono::milliseconds(500));
  if (first.how == Output::How::kRan && first.exit_code == 77) GTEST_SKIP() << "nobody may trace";
  EXPECT_EQ(first.how, Output::How::kTimedOut);
  EXPECT_EQ(first.text, "ready\n");
  const Output second = Live({CAPACITY_UNDYING}, std::chrono::milliseconds(500));
  EXPECT_EQ(second.how, Output::How::kTimedOut);
  EXPECT_EQ(second.text, "") << "the first is still there";
  Output third = second;
  for (int i = 0; i < 100 && third.text.empty(); ++i) {
    usleep(100'000);
    third = Live({CAPACITY_UNDYING}, std::chrono::milliseconds(200));
  }
  EXPECT_EQ(third.text, "ready\n") << "it is asked again once the first has ended";
}
#endif

TEST(LiveHost, AGrandchildThatKeepsTheOutputOpenHoldsNobodyUp) {
  const auto start = std::chrono::steady_clock::now();
  const Output output = Live({"sh", "-c", "echo done; sleep 20 &"});
  EXPECT_EQ(output.text, "done\n");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(LiveHost, EndlessOutputIsCut) {
  const Output output = Live({"yes"});
  EXPECT_TRUE(output.truncated);
  EXPECT_EQ(output.text.size(), kLongestText);
}

TEST(LiveHost, WhoIsEndedByASignalTakesItsCommandsAlong) {
  const fs::path file = FreshDirectory("live-signal") / "pid";
  fs::create_directories(file.parent_path());
  const pid_t child = fork();
  if (child == 0) {
    EndWithCommands();
    Live({"sh", "-c", "echo $$ > " + file.string() + "; sleep 60"}, std::chrono::seconds(60));
    _exit(0);
  }
  pid_t command = 0;
  for (int i = 0; i < 500 && command == 0; ++i) {
    std::ifstream(file) >> command;
    usleep(10'000);
  }
  ASSERT_GT(command, 0);
  kill(child, SIGINT);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) << status;
  const auto gone = [command] {
    std::string state;  // who adopted it may not have looked at it yet
    std::ifstream stat("/proc/" + std::to_string(command) + "/stat");
    return kill(command, 0) != 0 || (std::getline(stat, state) && state.find(") Z") != state.npos);
  };
  for (int i = 0; i < 500 && !gone(); ++i) usleep(10'000);
  EXPECT_TRUE(gone());
}

TEST(LiveHost, AProgramKilledByASignalFailed) {
  EXPECT_EQ(Live({"sh", "-c", "kill -9 $$"}).how, Output::How::kFailed);
}

TEST(LiveHost, ReadsRegularFilesOnly) {
  const auto live = host::Live();
  EXPECT_FALSE(live->Read("/no/such/file").has_value());
  EXPECT_FALSE(live->Read("/").has_value());
  EXPECT_FALSE(live->Read("/dev/zero").has_value());
  const fs::path file = FreshDirectory("live-read") / "file";
  Write(file, "text");
  EXPECT_EQ(live->Read(file.string()), "text");
  EXPECT_THAT(live->List(file.parent_path().string()), ElementsAre("file"));
  EXPECT_THAT(live->List("/no/such/directory"), IsEmpty());
}

// ---------------------------------------------------------------- command lines

TEST(CommandLine, SplitsAsAShellWould) {
  EXPECT_THAT(SplitCommandLine("sysctl  -n   hw.memsize"),
              ElementsAre("sysctl", "-n", "hw.memsize"));
  EXPECT_THAT(SplitCommandLine("LC_ALL=C sudo /usr/sbin/sysctl 'a b' \"c d\" e\\ f"),
              ElementsAre("/usr/sbin/sysctl", "a b", "c d", "e f"));
  EXPECT_THAT(SplitCommandLine("sysctl -a 2>/dev/null | grep cpu"), ElementsAre("sysctl", "-a"));
  EXPECT_THAT(SplitCommandLine("   "), IsEmpty());
  EXPECT_EQ(ProgramName({"/usr/sbin/sysctl"}), "sysctl");
}

TEST(CommandFile, HasACommandLineAnExitLineAndTheOutput) {
  const auto output = ParseCommandFile("$ lscpu -J\nexit 0\n{}\n");
  ASSERT_TRUE(output.has_value());
  EXPECT_THAT(output->arguments, ElementsAre("lscpu", "-J"));
  EXPECT_EQ(output->text, "{}\n");
  EXPECT_EQ(FormatCommandFile(*output), "$ lscpu -J\nexit 0\n{}\n");
}

TEST(CommandFile, IsReadAsStrangersWriteIt) {
  struct Case {
    const char* text;
    const char* program;
    const char* output;
    Output::How how;
  };
  for (const Case& one : {
           Case{"\xEF\xBB\xBF$ vm_stat\r\nexit 0\r\nline\r\n", "vm_stat", "line\n",
                Output::How::kRan},
           Case{"$ vm_stat\nline\n", "vm_stat", "line\n", Output::How::kRan},
           Case{"user@host:~$ vm_stat\nexit 0\nline\n", "vm_stat", "line\n", Output::How::kRan},
           Case{"# taken by hand\n$ vm_stat\nexit: 0\nline\n", "vm_stat", "line\n",
                Output::How::kRan},
           Case{"\n$vm_stat\nexit status 0\nline\n", "vm_stat", "line\n", Output::How::kRan},
           Case{"$ vm_stat\nexit 127\nwhatever\n", "vm_stat", "", Output::How::kAbsent},
           Case{"$ vm_stat\nzsh: command not found: vm_stat\n", "vm_stat", "",
                Output::How::kAbsent},
           Case{"$ vm_stat\nCommand 'vm_stat' not found, but can be installed with:\nsudo apt\n",
                "vm_stat", "", Output::How::kAbsent},
           Case{"$ vm_stat\nexit 124\npart\n", "vm_stat", "part\n", Output::How::kTimedOut},
           Case{"$ vm_stat\nexit strategy\n", "vm_stat", "exit strategy\n", Output::How::kRan},
       }) {
    const auto output = ParseCommandFile(one.text);
    ASSERT_TRUE(output.has_value()) << one.text;
    EXPECT_EQ(output->arguments.at(0), one.program) << one.text;
    EXPECT_EQ(output->text, one.output) << one.text;
    EXPECT_EQ(output->how, one.how) << one.text;
  }
  EXPECT_FALSE(ParseCommandFile("no command line\n").has_value());
  EXPECT_FALSE(ParseCommandFile("").has_value());
}

std::vector<std::string> CommandsOf(const std::string& text) {
  std::vector<std::string> commands;
  for (const Output& output : ParseCommandsFile(text)) {
    commands.push_back(CommandLine(output.arguments) + ": " + output.text);
  }
  return commands;
}

TEST(CommandsFile, IsOneCommandOrWhatATerminalShowed) {
  EXPECT_THAT(CommandsOf("$ lscpu -J\nexit 0\n{}\n"), ElementsAre("lscpu -J: {}\n"));
  EXPECT_THAT(CommandsOf("$ uname -r\n6.14\n$ nproc\n20\n"),
              ElementsAre("uname -r: 6.14\n", "nproc: 20\n"));
  EXPECT_THAT(CommandsOf("me@spark:~$ uname -r\n6.14\nme@spark:~/a b$ nproc\n20\nme@spark:~$ \n"),
              ElementsAre("uname -r: 6.14\n", "nproc: 20\n"));
  EXPECT_THAT(CommandsOf("root@spark:~# uname -r\r\n6.14\r\nroot@spark:~# nproc\r\n20\r\n"),
              ElementsAre(HasSubstr("uname -r: 6.14"), HasSubstr("nproc: 20")));
  EXPECT_THAT(CommandsOf("me@Studio ~ % sw_vers\n26.2\nme@Studio src % sysctl -a\na: 1\n"),
              ElementsAre("sw_vers: 26.2\n", "sysctl -a: a: 1\n"));
  EXPECT_THAT(CommandsOf("# by hand\n$ uname -r\nexit 0\n6.14\n$ nproc\nexit 1\nno\n"),
              ElementsAre("uname -r: 6.14\n", "nproc: no\n"));
  EXPECT_THAT(CommandsOf("nothing\n"), IsEmpty());
}

TEST(CommandsFile, ThePromptMayChange) {
  EXPECT_THAT(CommandsOf("me@spark:~$ uname -r\n6.14\nme@spark:~$ su\nroot@spark:~# nproc\n20\n"
                         "(base) me@spark:~$ lscpu\nx\n"),
              ElementsAre("uname -r: 6.14\n", "su: ", "nproc: 20\n", "lscpu: x\n"));
  EXPECT_THAT(CommandsOf("# uname -r\n6.14\n# a comment in it\n# ip -br a\nlo UNKNOWN\n"),
              ElementsAre("uname -r: 6.14\n# a comment in it\n", "ip -br a: lo UNKNOWN\n"));
  EXPECT_THAT(CommandsOf("# ip, by hand\n$ ip a\n1: lo\n$ nproc\n20\n"),
              ElementsAre("ip a: 1: lo\n", "nproc: 20\n"));
}

// As script(1) and tmux record it.
TEST(CommandsFile, WhatATerminalWasToldIsLeftOut) {
  EXPECT_THAT(CommandsOf("\x1b]0;me@spark: ~\a\x1b[01;32mme@spark\x1b[00m:~$ uname -r\r\n"
                         "\x1b[?2004l\r6.14\r\n\x1b[?2004h\x1b[32mme@spark\x1b[0m:~$ nproc\r\r\n"
                         "\x1b[?2004l\r20\x1b(B\r\n"),
              ElementsAre("uname -r: 6.14\n", "nproc: 20B\n"));
  EXPECT_THAT(CommandsOf("$ uname -r\n6.14\x1b"), ElementsAre("uname -r: 6.14"));
  EXPECT_THAT(CommandsOf("$ uname -r\n6.14\x1b[31"), ElementsAre("uname -r: 6.14"));
  EXPECT_THAT(CommandsOf("$ uname -r\n6.14\x1b]0;"), ElementsAre("uname -r: 6.14"));
}

TEST(CommandsFile, WhatAnOutputHoldsIsNoCommand) {
  // Without the exit line that the first has, of another prompt, a comment.
  EXPECT_THAT(CommandsOf("$ cat /etc/motd\nexit 0\nType\n$ help\nfor help\n"),
              ElementsAre("cat /etc/motd: Type\n$ help\nfor help\n"));
  EXPECT_THAT(CommandsOf("me@spark:~$ cat a\n$ make\n# comment\nyou@other:~$ x\n"),
              ElementsAre("cat a: $ make\n# comment\nyou@other:~$ x\n"));
  EXPECT_THAT(CommandsOf("# cat /etc/fstab\n# one\n# two\n"), SizeIs(1));
}

// ---------------------------------------------------------------- captures

TEST(Capture, EveryOutputOfAProgramServesTheExactOneFirst) {
  const fs::path directory = FreshDirectory("capture-superset");
  Write(directory / "commands/zz", "$ /usr/sbin/sysctl -a\nexit 0\nall\n");
  Write(directory / "commands/notes.md", "my notes\n");
  Write(directory / "commands/1.log", "$ sysctl   hw\nexit 0\nhw\n");
  const auto capture = ReadCapture(directory.string());
  ASSERT_TRUE(capture.ok()) << capture.status().message();
  const auto replay = Replay(*capture);
  const auto outputs = replay->Run({{"sysctl", "-a"}});
  ASSERT_THAT(outputs, SizeIs(2));
  EXPECT_EQ(outputs[0].text, "all\n");
  EXPECT_EQ(outputs[1].text, "hw\n");
  EXPECT_EQ(replay->Run({{"lscpu"}}).at(0).how, Output::How::kAbsent);
}

TEST(Capture, FilesMayBeMirroredOrShownByCommands) {
  const fs::path directory = FreshDirectory("capture-files");
  Write(directory / "files/proc/meminfo", "MemTotal: 1 kB\r\n");
  Write(directory / "sys/class/net/eth0/operstate", "up\n");
  Write(directory / "commands/1", "$ cat /etc/os-release\nexit 0\nNAME=\"Debian\"\n");
  Write(directory / "commands/2", "$ cat /sys/a /sys/b\nexit 0\nfirst\nsecond\n");
  Write(directory / "commands/3", "$ grep . /sys/c /sys/d\nexit 0\n/sys/c:1: x\n/sys/d:y\n");
  Write(directory / "commands/4",
        "$ cat /etc/absent\nexit 1\ncat: /etc/absent: No such file or directory\n");
  const auto replay = Replay(*ReadCapture(directory.string()));
  EXPECT_EQ(replay->Read("/proc/meminfo"), "MemTotal: 1 kB\n");
  EXPECT_EQ(replay->Read("/etc/os-release"), "NAME=\"Debian\"\n");
  EXPECT_EQ(replay->Read("/sys/b"), "second\n");
  EXPECT_EQ(replay->Read("/sys/c"), "1: x\n");
  EXPECT_FALSE(replay->Read("/etc/absent").has_value());
  EXPECT_THAT(replay->List("/sys/class/net"), ElementsAre("eth0"));
  EXPECT_THAT(replay->List("/sys"), ElementsAre("a", "b", "c", "class", "d"));
}

TEST(Capture, LinksThatLeadOutAreNotFollowed) {
  const fs::path directory = FreshDirectory("capture-links");
  Write(directory / "files/proc/meminfo", "inside\n");
  fs::create_directories(directory / "files/etc");
  fs::create_symlink("/etc/passwd", directory / "files/etc/passwd");
  fs::create_symlink(directory / "files/proc/meminfo", directory / "files/etc/same");
  const auto replay = Replay(*ReadCapture(directory.string()));
  EXPECT_FALSE(replay->Read("/etc/passwd").has_value());
  EXPECT_EQ(replay->Read("/etc/same"), "inside\n");
}

TEST(Capture, AWrongDirectoryIsAnswered) {
  EXPECT_EQ(ReadCapture("/no/such/capture").status().code(), absl::StatusCode::kNotFound);
  const fs::path empty = FreshDirectory("capture-empty");
  fs::create_directories(empty);
  EXPECT_EQ(ReadCapture(empty.string()).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Capture, IsWrittenWholeOrNotAtAll) {
  const fs::path directory = FreshDirectory("capture-written");
  Capture capture;
  capture.files["/proc/meminfo"] = "MemTotal: 1 kB\n";
  capture.directories.insert("/sys/class/net/eth0");
  capture.commands.push_back({.arguments = {"uname", "-a"}, .text = "Linux\n"});
  ASSERT_TRUE(WriteCapture(capture, directory.string()).ok());
  EXPECT_EQ(WriteCapture(capture, directory.string()).code(), absl::StatusCode::kAlreadyExists);
  const auto replay = Replay(*ReadCapture(directory.string()));
  EXPECT_EQ(replay->Read("/proc/meminfo"), "MemTotal: 1 kB\n");
  EXPECT_THAT(replay->List("/sys/class/net"), ElementsAre("eth0"));
  EXPECT_EQ(replay->Run({{"uname", "-a"}}).at(0).text, "Linux\n");
  EXPECT_FALSE(WriteCapture(capture, "/proc/no/such/place").ok());
}

// ---------------------------------------------------------------- redaction

std::string Redacted(const std::string& text) {
  return Redactor("salt", {{"studio-1.local"}, {"alice", "root"}}).Redact(text);
}

TEST(Redaction, ReplacesWhatIdentifies) {
  for (const char* secret :
       {"7F158861-C131-4D0D-83B6-CA50EF76C32B", "a4:83:e7:12:34:56", "8096a9d9edbaac05",
        "4cbb:4703:002d:1a16", "192.168.1.17", "2001:db8::1:2", "0x05AC897E0A474D02",
        "enx001122aabbcc", "studio-1", "alice"}) {
    const std::string text = std::string("x ") + secret + " y\n";
    EXPECT_THAT(Redacted(text), AllOf(Not(HasSubstr(secret)), HasSubstr("x "), HasSubstr(" y\n")))
        << secret;
  }
  for (const char* line :
       {"Serial Number (system): C02ABC123DEF\n", "DGX_SERIAL_NUMBER=\"1983925\"\n",
        "  \"serial_number\" : \"C02ABC123DEF\",\n", "<serial>0320219</serial>\n",
        "Provisioning UDID: 00008103-000A\n"}) {
    EXPECT_NE(Redacted(line), line);
    EXPECT_THAT(Redacted(line), Not(HasSubstr("C02ABC")));
  }
}

TEST(Redaction, LeavesWhatTellsTheMachine) {
  for (const char* text :
       {"Driver Version: 580.126.09  VBIOS 95.02.66.00.02 fw 28.45.4028\n",
        "0000:01:00.0 [15b3:1021]\n", "127.0.0.1 ::1 255.255.255.0 0.0.0.0\n",
        "00:00:00:00:00:00 ff:ff:ff:ff:ff:ff\n", "Sat Dec  6 13:53:03 2025\n",
        "0x00000000000001FF\n", "Flags: serialize sse\n", "root\n", "memory.total [MiB]\n",
        "\"protocol_id_key\": 64087,\n", "iBoot 10151.61.4\n"}) {
    EXPECT_EQ(Redacted(text), text);
  }
}

TEST(Redaction, ReplacesEveryFieldOfALine) {
  for (const char* text :
       {R"({"serial_number":"H4XJ2K9QPL","n":1,"provisioning_UDID":"00006031-001A2B3C4D5E"})",
        R"(<board><serial>H4XJ2K9QPL</serial><x>1</x><serial>001A2B3C4D5E</serial></board>)",
        R"({"_display-serial-number":"H4XJ2K9QPL","display-serial-number2":"001A2B3C4D5E"})",
        R"({"serials":["H4XJ2K9QPL"],"asset_tag":"001A2B3C4D5E"})",
        "Serial: H4XJ2K9QPL, Asset Tag: 001A2B3C4D5E\n", "serial=H4XJ2K9QPL;udid=001A2B3C4D5E\n"}) {
    EXPECT_THAT(Redacted(text), AllOf(Not(HasSubstr("H4XJ2K9QPL")), Not(HasSubstr("001A2B3C4D5E"))))
        << Redacted(text);
  }
  EXPECT_THAT(Redacted("<serial>H4XJ2K9QPL</serial><model>L40S</model>"),
              HasSubstr("</serial><model>L40S</model>"));
  // Words of a value name no field of the next.
  for (const char* text :
       {R"({"field":"Flags:","data":"fpu serialize"},{"field":"Vulnerability:","data":"none"})",
        R"({"serial":{"a":1},"has_serial":true,"b":null})", "serial\nModel: x\n", "serial"}) {
    EXPECT_EQ(Redacted(text), text);
  }
}

TEST(Redaction, ReplacesWhatADisplaySaysOfItself) {
  // The serial number 32394B4C is in it as a number and "CHQ42L3" in letters.
  const std::string edid =
      "00ffffffffffff0010ace8414c4b3932121f0104b53c22783eee95a3000000ff004348513432"
      "4c330a2020202020";
  std::string spaced;
  for (std::size_t i = 0; i < edid.size(); i += 8) spaced += edid.substr(i, 8) + " ";
  for (const std::string& text :
       {"\"_spdisplays_edid\" : \"0x" + edid + "\",\n", "<" + edid + ">\n",
        "\"_IODisplayEDID\" : \"{length = 128, bytes = 0x" + spaced + "... 0000fe }\",\n"}) {
    const std::string redacted = Redacted(text);
    EXPECT_THAT(redacted, AllOf(Not(HasSubstr("4c4b3932")), Not(HasSubstr("34324c33")),
                                Not(HasSubstr("4348513"))))
        << redacted;
    EXPECT_EQ(redacted.substr(0, 1), text.substr(0, 1));
    EXPECT_EQ(redacted.back(), '\n');
  }
  EXPECT_THAT(Redacted("\"_spdisplays_displayID\" : \"4280a1f3\",\n"), Not(HasSubstr("4280a1f3")));
  // Masks are none.
  for (const char* text : {"netmask 0xffffff00 broadcast\n", "0x00ffffff 00 and be\n"}) {
    EXPECT_EQ(Redacted(text), text);
  }
}

TEST(Redaction, BothEndsOfARangeOfAddresses) {
  const std::string range = Redacted("route 192.168.1.9-192.168.1.12 x\n");
  EXPECT_EQ(range, "route " + Redacted("192.168.1.9") + "-" + Redacted("192.168.1.12") + " x\n");
  EXPECT_THAT(range, AllOf(Not(HasSubstr("168.1.9")), Not(HasSubstr("168.1.12"))));
  for (const char* version : {"6.1.2.3-1\n", "6.1.2.3-1.2.3\n", "v-6.1.2.3\n"}) {
    EXPECT_EQ(Redacted(version), version);
  }
}

TEST(Redaction, ANumberWithAndWithoutColonsIsOneNumber) {
  const auto digits = [](std::string text) {
    text.erase(std::remove(text.begin(), text.end(), ':'), text.end());
    return text;
  };
  // As ibstat, ibv_devinfo and ibv_devices print one GUID.
  const std::string guid = digits(Redacted("5c25:7303:0092:1520"));
  EXPECT_NE(guid, "5c25730300921520");
  EXPECT_EQ(Redacted("\tNode GUID: 0x5c25730300921520\n"), "\tNode GUID: 0x" + guid + "\n");
  EXPECT_EQ(Redacted("rocep1s0f0   \t5c25730300921520\n"), "rocep1s0f0   \t" + guid + "\n");
  EXPECT_EQ("enx" + digits(Redacted("00:11:22:aa:bb:cc")), Redacted("enx001122aabbcc"));
  // Of decimal digits alone it is one where it is called so.
  EXPECT_THAT(Redacted("System image GUID: 0x5825730300921152\n"), Not(HasSubstr("58257303")));
  EXPECT_EQ(Redacted("bytes 0x5825730300921152\n"), "bytes 0x5825730300921152\n");
  EXPECT_THAT(Redacted("\"ifalias\":\"Mueller's uplink\","), Not(HasSubstr("Mueller")));
}

TEST(Redaction, NamesAsPartsOfOtherNames) {
  for (const char* text :
       {"description: vm-alice-ubuntu\n", "alice-laptop\n", "(x-alice)\n", "vm-studio-1-old\n"}) {
    EXPECT_THAT(Redacted(text), AllOf(Not(HasSubstr("alice")), Not(HasSubstr("studio-1"))));
  }
  // An option, and other words.
  for (const char* text : {"tool -alice\n", "--alice\n", "malice alice2 alice_x\n"}) {
    EXPECT_EQ(Redacted(text), text);
  }
}

TEST(Redaction, OfAHugeLineTakesNoLongerThanOfItsLength) {
  std::string text;
  while (text.size() < (std::size_t{4} << 20)) text += "serial serial: a\",\"";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_GE(Redacted(text).size(), text.size());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

TEST(Redaction, AddressesOfOneSubnetStayOfOne) {
  const auto network = [](const std::string& address, int bits) {
    const std::string redacted = Redacted(address);
    std::uint32_t number = 0;
    std::istringstream octets(redacted);
    for (std::string octet; std::getline(octets, octet, '.');) {
      number = number << 8 | static_cast<std::uint32_t>(std::stoul(octet));
    }
    return number >> (32 - bits);
  };
  EXPECT_EQ(network("192.168.177.11", 24), network("192.168.177.12", 24));
  EXPECT_NE(network("192.168.177.11", 24), network("192.168.178.11", 24));
  EXPECT_EQ(network("192.168.177.11", 20), network("192.168.178.11", 20));
  EXPECT_EQ(network("10.0.0.1", 30), network("10.0.0.2", 30));
  EXPECT_NE(network("10.0.0.1", 30), network("10.0.0.5", 30));
  EXPECT_EQ(network("169.254.1.2", 24), network("169.254.1.3", 24));
  EXPECT_NE(network("192.168.177.11", 24), network("172.16.177.11", 24));
  std::set<std::string> all;
  for (int i = 0; i < 256; ++i) all.insert(Redacted("192.168.177." + std::to_string(i)));
  EXPECT_EQ(all.size(), 256U) << "no two addresses of a subnet become one";
  EXPECT_EQ(all.count("192.168.177.11"), 0U);
}

TEST(Redaction, AddressesThatHoldAnIpv4Address) {
  const std::string plain = Redacted("192.168.1.20");
  EXPECT_EQ(Redacted("inet6 ::ffff:192.168.1.20 prefixlen 96\n"),
            "inet6 ::ffff:" + plain + " prefixlen 96\n");
  for (const char* text : {"64:ff9b::192.168.1.20", "fd12::192.168.1.20", "::192.168.1.20",
                           "::ffff:192.168.1.20.5353", "fe80::1.5353 x"}) {
    EXPECT_THAT(Redacted(text), AllOf(Not(HasSubstr("168.1.20")), Not(HasSubstr("fe80::1."))))
        << Redacted(text);
  }
  EXPECT_EQ(Redacted("::1. 12:30:45.123 0000:01:00.0\n"), "::1. 12:30:45.123 0000:01:00.0\n");
}

TEST(Redaction, AddressesInHexadecimal) {
  const std::string address = "2a02807151901f004ebb47fffe2ffb97";
  const std::string zeros(32, '0');
  const std::string route =
      zeros + " 00 " + zeros + " 00 fe800000000000004ebb47fffe2ffb97 00000400";
  const std::string redacted = Redacted(address + " 40 " + zeros + " 00\n" + route + "\n");
  EXPECT_THAT(redacted, AllOf(Not(HasSubstr("2a028071")), Not(HasSubstr("4ebb47fffe2ffb97"))));
  EXPECT_THAT(redacted, AllOf(HasSubstr(" 40 " + zeros + " 00\n" + zeros + " 00 "),
                              HasSubstr(" fe80000000000000"), HasSubstr(" 00000400\n")));
  const std::string loopback = std::string(31, '0') + "1 80\n";
  EXPECT_EQ(Redacted(loopback), loopback);
  // Of a container.
  EXPECT_THAT(Redacted("0::/system.slice/docker-" + address + address + ".scope\n"),
              AllOf(HasSubstr("0::/system.slice/docker-"), Not(HasSubstr(address))));
}

TEST(Redaction, AddressesOfTheRoutingTable) {
  const std::string heading = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n";
  const std::string redacted =
      Redacted(heading +
               "eth0\t00000000\t1401A8C0\t0003\t0\t0\t64\t00000000\n"  // via 192.168.1.20
               "eth0\t0001A8C0\t00000000\t0001\t0\t0\t64\t00FFFFFF\neth0\t0000FEA9\n");
  EXPECT_THAT(redacted, Not(AnyOf(HasSubstr("1401A8C0"), HasSubstr("0001A8C0"))));
  EXPECT_THAT(redacted, AllOf(HasSubstr("eth0\t00000000\t"), HasSubstr("\t00FFFFFF\n")));
  // The same address written the other way round, 10.x.y.z, and link-local as before.
  const std::string dotted = Redacted("192.168.1.20");
  int octets[4] = {};
  ASSERT_EQ(std::sscanf(dotted.c_str(), "%d.%d.%d.%d", octets, octets + 1, octets + 2, octets + 3),
            4);
  char hex[9];
  std::snprintf(hex, sizeof hex, "%02X%02X%02X%02X", octets[3], octets[2], octets[1], octets[0]);
  EXPECT_THAT(redacted, HasSubstr(std::string("\t00000000\t") + hex + "\t0003"));
  EXPECT_THAT(redacted, HasSubstr("FEA9\n"));
}

TEST(Redaction, AControlGroupIsNoAddress) {
  for (const char* text : {"0::/\n", "4:memory:/\n0::/rev11job/step0\n", "0::/../..\n",
                           "1:name=systemd:/user.slice\n0::/user.slice\n"}) {
    EXPECT_EQ(Redacted(text), text);
  }
}

TEST(Redaction, LeavesWhatProductsAreCalledThoughAHostIsToo) {
  const auto redacted = [](const std::string& name) {
    Capture capture;
    capture.files = {{"/proc/sys/kernel/hostname", name + "\n"},
                     {"/etc/dgx-release", "DGX_PLATFORM=\"DGX Server\" gb10\n"},
                     {"/sys/class/dmi/id/product_name", "HP Z8 Workstation\n"},
                     {"/proc/cpuinfo", "model name : AMD RYZEN AI MAX+ 395\n"},
                     {"/sys/fs/cgroup/lxc/" + name + "/memory.max", "max\n"},
                     {"/sys/class/net/wg-" + name + "/operstate", "up\n"},
                     {"/proc/self/cgroup", "0::/lxc/" + name + "\n"}};
    capture.commands = {
        {.arguments = {"nvidia-smi", "--query-gpu=name"},
         .text = "NVIDIA GB10, NVIDIA RTX PRO 6000 Blackwell Workstation Edition\n"},
        {.arguments = {"lscpu"}, .text = "Model name: AMD RYZEN AI MAX+ 395\n"},
        {.arguments = {"uname", "-a"}, .text = "Linux " + name + " 6.14.0 x\n"}};
    return Redact(capture, Redactor("salt", {{name}, {name}}));
  };
  for (const char* name : {"gb10", "workstation", "dgx", "max", "gpu", "blackwell"}) {
    const Capture capture = redacted(name);
    EXPECT_EQ(capture.commands[0].arguments[1], "--query-gpu=name");
    EXPECT_THAT(capture.commands[0].text, HasSubstr("RTX PRO 6000 Blackwell Workstation Edition"));
    EXPECT_THAT(capture.commands[1].text, HasSubstr("AI MAX+ 395"));
    EXPECT_EQ(capture.files.at("/etc/dgx-release"), "DGX_PLATFORM=\"DGX Server\" gb10\n");
    EXPECT_EQ(capture.files.at("/sys/class/dmi/id/product_name"), "HP Z8 Workstation\n");
    EXPECT_EQ(capture.files.at("/proc/cpuinfo"), "model name : AMD RYZEN AI MAX+ 395\n");
    // Where such a name may be somebody's it goes, in paths as in what names them.
    EXPECT_THAT(capture.commands[2].text, Not(HasSubstr(name)));
    const std::string group = capture.files.at("/proc/self/cgroup");
    EXPECT_THAT(group, Not(HasSubstr(name)));
    const std::string path = group.substr(3, group.size() - 4);
    EXPECT_EQ(capture.files.count("/sys/fs/cgroup" + path + "/memory.max"), 1u) << path;
    EXPECT_EQ(capture.files.count(std::string("/sys/class/net/wg-") + name + "/operstate"), 0u);
  }
  const Redactor max("salt", {{"air"}, {"max"}});
  for (const char* text :
       {"Chip: Apple M4 Max\n", "machdep.cpu.brand_string: Apple M4 Max\n", "MacBook Air\n"}) {
    EXPECT_EQ(max.Redact(text), text);
  }
  EXPECT_THAT(max.Redact("/Users/max Max's iPad\n"), Not(HasSubstr("ax's")));
}

TEST(Redaction, LeavesOutWhatRuns) {
  Capture capture;
  capture.commands.push_back(
      {.arguments = {"nvidia-smi", "-q", "-x"},
       .text =
           "<gpu id=\"0\"><product_name>L40S</product_name><processes><process_info><process_name>"
           "python --token hf_abc</process_name></process_info></processes><accounted_processes>"
           "train</accounted_processes><a>1</a></gpu><gpu id=\"1\"><processes>python --token cut"});
  const Capture redacted = Redact(capture, Redactor("salt", {}));
  EXPECT_EQ(redacted.commands[0].text,
            "<gpu id=\"0\"><product_name>L40S</product_name><a>1</a></gpu><gpu id=\"1\">");
}

TEST(Redaction, TheSameValueHasTheSamePseudonymEverywhere) {
  const std::string lower = Redacted("7f158861-c131-4d0d-83b6-ca50ef76c32b");
  const std::string upper = Redacted("7F158861-C131-4D0D-83B6-CA50EF76C32B");
  EXPECT_EQ(lower.size(), 36u);
  EXPECT_TRUE(std::equal(lower.begin(), lower.end(), upper.begin(),
                         [](char a, char b) { return std::tolower(a) == std::tolower(b); }));
  EXPECT_NE(Redactor("other", {}).Redact("7f158861-c131-4d0d-83b6-ca50ef76c32b"), lower);
  EXPECT_EQ(Redacted("\"domain_uuid_key\" : \"7f158861-c131-4d0d-83b6-ca50ef76c32b\""),
            "\"domain_uuid_key\" : \"" + lower + "\"");
  EXPECT_THAT(Redacted("169.254.10.20"), HasSubstr("169.254."));
  EXPECT_THAT(Redacted("fe80::aede:48ff:fe00:1122"), HasSubstr("fe80::"));
}

TEST(Redaction, KnowsTheNamesThatTheCaptureTells) {
  Capture capture;
  capture.files["/proc/sys/kernel/hostname"] = "spark-bd26\n";
  capture.commands.push_back(
      {.arguments = {"uname", "-a"}, .text = "Darwin Mac-von-Anna 25.2.0 x\n"});
  const Capture redacted = Redact(capture, Redactor("salt", NamesIn(capture)));
  EXPECT_THAT(redacted.commands[0].text, Not(HasSubstr("Anna")));
  EXPECT_THAT(redacted.files.at("/proc/sys/kernel/hostname"), Not(HasSubstr("bd26")));
}

}  // namespace
}  // namespace capacity::host
