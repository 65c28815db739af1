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
EMPTY "N8S-0013" "the document is empty"
    "There is nothing to do without clusters. `nix8s init` writes a commented document."
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
OLDER_SPELLING "N8S-0106" "a setting is given in an older and in today's spelling"
    "Older spellings are accepted, but where both stand only today's holds. Remove the older one."
}
