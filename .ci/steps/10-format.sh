# Every C++ file is formatted by clang-format 19.
set -euo pipefail
if ! command -v clang-format-19 >/dev/null; then
  apt-get update -q >/dev/null
  apt-get install -y -q --no-install-recommends clang-format-19 >/dev/null
fi
git ls-files '*.cc' '*.h' | xargs clang-format-19 --dry-run -Werror
echo "formatted: $(git ls-files '*.cc' '*.h' | wc -l) files"
