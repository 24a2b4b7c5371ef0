# Sourced by the scripts that look into a package without installing it: an apt that keeps its
# sources, lists and downloads in a folder of its own. It needs no rights and leaves the system's
# apt as it is. The mirror is the one that the system's own sources already name.
#
#   private_apt_init DIR SUITE...    make DIR ready: lists of these suites, from the system's mirror
#   private_apt get|cache ARG...     apt-get or apt-cache with this configuration
#   private_apt_unpack DIR PACKAGE.. download the packages and unpack them into DIR

private_apt_init() {
    apt_dir=$(realpath -m "$1")
    shift
    mkdir -p "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial" "$apt_dir/debs"

    # What `apt-get update` would fetch shows the mirror, whatever format the sources are in.
    # The plain archive serves a suite "bookworm", the security archive "bookworm-security".
    mirror=$(apt-get update --print-uris -o Dir::State::lists="$apt_dir/lists" 2>/dev/null |
        sed -nE "s,^'(.*)/dists/(bookworm|oldstable)/InRelease'.*,\1,p" | head -n 1)
    if [ -z "$mirror" ]; then
        echo "$0: the apt sources of this machine name no mirror of Debian 12 (bookworm)" >&2
        return 1
    fi
    {
        echo "Types: deb"
        echo "URIs: $mirror"
        echo "Suites: $*"
        echo "Components: main"
        if [ -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
            echo "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg"
        fi
    } >"$apt_dir/private.sources"
    private_apt get update -qq
}

private_apt() {
    tool=$1
    shift
    "apt-$tool" -o Dir::Etc::sourcelist="$apt_dir/private.sources" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$apt_dir/lists" -o Dir::Cache="$apt_dir/cache" \
        -o APT::Sandbox::User="$(id -un)" -o APT::Default-Release= -o Debug::NoLocking=1 "$@"
}

private_apt_unpack() {
    into=$1
    shift
    mkdir -p "$into"
    (cd "$apt_dir/debs" && private_apt get download -qq "$@")
    for deb in "$apt_dir"/debs/*.deb; do
        dpkg -x "$deb" "$into"
        rm "$deb"
    done
}
