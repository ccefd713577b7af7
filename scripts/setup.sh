#!/bin/sh
# setup.sh packages    make .venv from requirements.lock and install the project into it
# setup.sh browser     see to Chromium and its driver
# What is done already is skipped. Needs Python 3.11 or newer; uses uv, and gets it where it is missing.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
stop() { printf 'darkroom: %s\n' "$*" >&2; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }
apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1; }
apt_ready() {
    is_root && command -v apt-get >/dev/null || return 1
    [ -n "${apt_updated:-}" ] || apt-get update -q >/dev/null 2>&1 || return 1
    apt_updated=yes
}

find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    done
    stop "Python 3.11 or newer is needed (Debian and Ubuntu: apt-get install python3)"
}

find_uv() {
    if command -v uv >/dev/null; then
        uv=uv
    elif [ -x .uv/bin/uv ]; then
        uv=.uv/bin/uv
    else
        say "getting uv, the installer (25 MB)"
        if ! "$python" -m venv .uv >/dev/null 2>&1; then
            apt_ready && apt_install python3-venv && "$python" -m venv --clear .uv >/dev/null 2>&1 ||
                stop "uv is needed and could not be had: install it (https://docs.astral.sh/uv), or Python's venv module (as root: apt-get install python3-venv)"
        fi
        .uv/bin/pip install -qqq --retries 2 --only-binary :all: uv ||
            stop "the package index could not be reached; connect to the network, then run make again"
        uv=.uv/bin/uv
    fi
}

install_packages() {
    find_python
    if [ "$(uname -s)" = Linux ]; then size="3.2 GB to download, 6 GB on disk (torch with CUDA is most of it)"; needed=7000000
    else size="0.7 GB to download, 2 GB on disk"; needed=2500000; fi
    say "Python packages: about $size; less where uv has them already"
    free=$(df -Pk . | awk 'NR == 2 { print $4 }')
    [ "$free" -gt "$needed" ] || [ -d .venv ] || stop "only $((free / 1000)) MB are free on this disk; $((needed / 1000)) are needed"
    find_uv
    export UV_PYTHON_DOWNLOADS=never
    [ -x .venv/bin/python ] || "$uv" venv -q --python "$python" .venv
    # antlr4-python3-runtime, which DVC needs, and jsonpath-rw, which mlcroissant needs, are pure Python and have no wheel.
    [ -t 2 ] || quiet=-q  # a progress bar on a terminal, no hundred lines in a log
    VIRTUAL_ENV=$PWD/.venv "$uv" pip sync ${quiet:-} --require-hashes --only-binary :all: --no-binary antlr4-python3-runtime --no-binary jsonpath-rw \
        --build-constraints requirements.lock requirements.lock ||
        stop "the packages could not be installed (see above); with no network, connect and run make again: what was downloaded is kept"
    VIRTUAL_ENV=$PWD/.venv "$uv" pip install -q --no-deps --no-build-isolation -e . ||
        stop "the project itself could not be installed into .venv (see above)"
    .venv/bin/python -m pipeline.prepare.pixels.rows
}

have_browser() {
    for browser in "${DARKROOM_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable chrome; do
        [ -n "$browser" ] && command -v "$browser" >/dev/null && return 0
    done
    return 1
}

install_browser() {
    if have_browser && { [ -n "${DARKROOM_CHROMEDRIVER:-}" ] || command -v chromedriver >/dev/null; }; then return; fi
    if apt_ready && apt-cache show chromium-driver >/dev/null 2>&1; then
        say "Chromium and its driver, by apt: about 100 MB to download, 400 MB on disk"
        apt_install chromium chromium-driver && return
    fi
    if have_browser; then
        :  # its driver comes by Selenium's manager, when it is first used
    elif .venv/bin/python -c 'from selenium.webdriver.common.selenium_manager import SeleniumManager as M; M().binary_paths(["--browser", "chrome"])' 2>/dev/null; then
        say "Chrome and its driver came by Selenium's manager"
    else
        say "no browser could be had: searching will stop until Chromium and its driver are installed (Debian and Ubuntu, as root: apt-get install chromium chromium-driver); everything else works"
    fi
}

case ${1:-packages} in
packages)
    stamp=.venv/darkroom-setup
    wanted=$({ cat requirements.lock pyproject.toml scripts/setup.sh pipeline/prepare/pixels/rows.*; command -v cc || :; } | cksum)
    [ "$(cat $stamp 2>/dev/null)" = "$wanted" ] && exit
    install_packages
    printf '%s' "$wanted" >$stamp
    ;;
browser)
    install_browser
    ;;
*)
    stop "setup.sh takes packages or browser"
    ;;
esac
