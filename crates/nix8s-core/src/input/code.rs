//! The codes of problems in the input: one table, so that a code means one thing for ever.

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// `N8S-0123`.
    pub id: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Why it is a problem and what to do.
    pub explanation: &'static str,
}

macro_rules! codes {
    ($($name:ident $id:literal $title:literal $explanation:literal)*) => {
        $(#[doc = $title] pub const $name: &str = $id;)*

        /// Every code, by number.
        pub const ALL: &[Code] = &[$(Code { id: $id, title: $title, explanation: $explanation }),*];

        /// The names of the constants, for the test that each is used.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

/// The code with this id, in any case.
pub fn find(id: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.id.eq_ignore_ascii_case(id))
}

codes! {
NOT_UTF8 "N8S-0001" "a source is not UTF-8"
    "Documents are UTF-8. The place is that of the first byte which is not."
NUL "N8S-0002" "a source contains a NUL byte"
    "No YAML or JSON file contains NUL bytes: the path probably names a binary file."
TOO_LARGE "N8S-0003" "a source is too large"
    "A source may have 64 MiB, several times what 100,000 machines need. Larger fleets are split into a folder of sources."
SYNTAX "N8S-0004" "a source is not YAML or JSON"
    "The parser stopped at this place; the cause often stands on the line before: a missing colon, a bracket or quote that is not closed, another indentation."
SEVERAL_DOCUMENTS "N8S-0005" "a source holds several documents"
    "A line `---` begins another YAML document. nix8s reads one document per source; the others would be ignored silently."
DUPLICATE_KEY "N8S-0006" "a key stands twice in a map"
    "Parsers differ on which of the two wins, so neither does. Remove one."
TOO_DEEP "N8S-0007" "a source is nested too deeply"
    "Documents may be nested 100 levels deep, far deeper than any setting."
TOO_MANY_VALUES "N8S-0008" "a source holds or expands to too many values"
    "The number of values and the number of values that aliases copy are limited, so that a small hostile file cannot take all memory."
ODD_KEY "N8S-0009" "a key is not a text"
    "Keys of maps are texts. YAML would allow lists, maps and aliases as keys; JSON and Nix do not."
UNKNOWN_TAG "N8S-0010" "a YAML tag is not known"
    "Tags such as `!Ref` come from other programs and mean nothing to nix8s."
GIVEN_TWICE "N8S-0011" "a key is given in two sources"
    "Sources are merged, but each setting has one place: nothing overrides silently. Remove one of the two."
TOO_MANY_PROBLEMS "N8S-0012" "there are more problems than are shown"
    "The first thousand problems are shown. Most of the others have the same cause."
UNKNOWN_KEY "N8S-0020" "a key is not known"
    "Nothing is ignored silently: a key that nix8s does not know is a mistake, most often of spelling. Keys that begin with `x-` are left alone, for modules of your own."
KIND "N8S-0021" "a value is of another kind"
    "For example a list where a map belongs, or a text where a number belongs."
FORM "N8S-0022" "a text does not have its form"
    "Addresses, sizes, durations, names and paths are checked where they are written, and held to plain characters, because they end up in command lines and Nix expressions."
WORD "N8S-0023" "a word is not one of those that are known"
    "The message lists the words that may stand here."
RANGE "N8S-0024" "a number is out of range"
    "The message says the bounds."
NAME "N8S-0025" "a name does not have its form"
    "Names of clusters, members and machines become host names, Kubernetes nodes and files: DNS labels (RFC 1123)."
MISSING "N8S-0026" "a key is missing"
    "What stands here means nothing without the missing key."
ONE_OF "N8S-0027" "exactly one of several keys must be given"
    "The keys exclude each other, and none of them can be guessed."
UNKNOWN_TEMPLATE "N8S-0030" "a template does not exist"
    "`node` and `extends` name entries of `nodes`."
EXTENDS_CYCLE "N8S-0031" "templates extend each other in a circle"
    "A template takes what it does not set from the one it extends; in a circle there is no first one."
INSTALL_AND_DISKO "N8S-0032" "install and disko both lay out the disks"
    "`install` with disks or a profile and raw `disko` on one level contradict each other. A template's may be replaced by a member's, either way round."
NO_PROVISIONER "N8S-0033" "nothing says how a machine is installed"
    "A member's provisioner is its own, else its cluster's, else the only one under `provisioning`, else nixos-anywhere if that is configured."
NO_ROLE "N8S-0034" "a machine has no role"
    "Every machine is a control plane, a worker, or `none`: a NixOS machine outside Kubernetes."
NO_IP "N8S-0035" "a machine has no usable ip"
    "Machines are addressed by their ip in the cluster's network. Only terraform, lima and pxe learn addresses, so that `auto` means something."
NO_DISK "N8S-0036" "a machine has no disk to be installed on"
    "nix8s never guesses which disk to erase."
DISK_TWICE "N8S-0037" "a disk is named for two purposes"
    "A disk is the system's, etcd's, data, DRBD's or LINSTOR's: the second purpose would destroy the first."
SWAP "N8S-0038" "swap where the distribution refuses it"
    "The kubelet of kubeadm clusters does not start on a machine with swap; those of k3s and k0s do."
MOUNT_OPTION "N8S-0039" "a mount option does not exist"
    "The kernel refuses file systems with unknown options, so that the machine would not boot."
OVERLAP "N8S-0050" "networks overlap"
    "Pods, services and what joins clusters need networks of their own, or packets go astray."
INSIDE "N8S-0051" "an address is inside a network of the cluster"
    "Machines and the vip are outside the networks of pods and services, or they cannot be reached from inside."
DUPLICATE_IP "N8S-0052" "two machines have one ip"
    "Each machine of a cluster has an address of its own."
DUPLICATE_NAME "N8S-0053" "two machines have one name"
    "A machine's name is its host name, Node and flake attribute; by default `<cluster>-<member>`, so that it can be the same for two members of different clusters. Set `name` on one."
DUPLICATE_MAC "N8S-0054" "a MAC address is used twice"
    "A MAC address says which machine it is: two members with one would be mistaken for each other, and network boot would install the wrong one."
NO_MAC "N8S-0055" "network boot without MAC address"
    "The boot server knows a machine by its MAC address."
NO_CONTROL_PLANE "N8S-0056" "a cluster has workers and no control plane"
    "Workers join control planes."
HA_WITHOUT_VIP "N8S-0057" "an HA mode without vip"
    "keepalived, kube-vip, haproxy and external all answer at one address that moves: the vip."
VIP_IS_MACHINE "N8S-0058" "the vip is a machine's address"
    "The vip moves between control planes, so it can belong to none of them."
FIRST_SERVER "N8S-0059" "firstServer is not a control plane"
    "The first server initialises the cluster, and only control planes can."
VERSION "N8S-0060" "a version is not in the distribution's spelling"
    "k3s writes v1.34.1+k3s1, kubeadm v1.34.1, k0s v1.34.1+k0s.0; each takes a minor release such as 1.34."
DNS_OUTSIDE "N8S-0061" "clusterDns is outside serviceCidr"
    "The cluster's DNS is a service, so its address is one of theirs."
PORT_TAKEN "N8S-0062" "a port is taken"
    "HAProxy runs on the control planes, where the API server listens on 6443."
COZYSTACK_VERSION "N8S-0063" "a release of Cozystack is not known"
    "nix8s installs the releases that it was tested with."
UNKNOWN_NAME "N8S-0064" "a name refers to nothing"
    "Phases, members, charts and resources are referred to by name."
TEST_RESTARTS "N8S-0065" "a test would be undone by a restart"
    "What `test` activates runs until the next restart, and `upgrade.reboot: always` restarts after every change."
PHASES "N8S-0066" "phases of nixos-anywhere contradict each other"
    "A machine comes of an installation onto disks that are laid out and mounted, by an installer that runs."
FLAG "N8S-0067" "a flag of nixos-anywhere is not the user's"
    "nix8s says which machine is installed, with what, and which host keys count; further flags leave that alone."
SCRIPT_TWICE "N8S-0070" "two scripts have one name"
    "Scripts wait for each other by name, and what has run is remembered by name."
SCRIPT_UNKNOWN "N8S-0071" "a script waits for one that does not exist"
    "It would never run."
SCRIPT_CYCLE "N8S-0072" "scripts wait for each other in a circle"
    "None of them would ever run."
SCRIPT_LATER "N8S-0073" "a script waits for one of a later phase"
    "Phases are barriers: nothing of a later one runs before all of an earlier one is done."
SHARED_MAC "N8S-0100" "a MAC address stands on a shared template"
    "Several members would have it, so it identifies none of them and is not used. Set it on the members."
NO_VIP "N8S-0101" "several control planes without vip"
    "Machines join by the first control plane's address, and lose the API with it."
EVEN_VOTERS "N8S-0102" "an even number of control planes"
    "etcd needs a majority: two tolerate as much as one, four as much as three, and more machines can fail."
IN_DHCP_RANGE "N8S-0103" "an address is inside the DHCP range"
    "The boot server may hand it to another machine."
KERNEL_NAME "N8S-0104" "a disk is named by the kernel's order"
    "With several disks, /dev/sda may be another one after the next boot. Paths below /dev/disk/by-id name the disk itself."
INLINE_SECRET "N8S-0105" "a secret stands in the configuration"
    "Configurations are committed, copied and shown. nix8s makes secrets itself and keeps them in an encrypted file per cluster."
OLDER_SPELLING "N8S-0106" "a setting is given in an older and in today's spelling"
    "Older spellings are accepted, but where both stand only today's holds. Remove the older one."
NO_VERSION "N8S-0107" "a cluster names no version"
    "nix8s takes one, but another nix8s may take another."
NO_MEMBERS "N8S-0108" "a cluster has no members"
    "It is kept, and there is nothing to do for it."
NO_CLUSTERS "N8S-0109" "there are no clusters"
    "The document is in order, and there is nothing to do."
NO_EFFECT "N8S-0110" "a setting has no effect"
    "Something else in the document switches off what it belongs to."
}
