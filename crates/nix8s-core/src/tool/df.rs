//! df(1): how much room is in the file system of a path, as POSIX has it print that (`df -Pk`).

use super::Command;
use super::SHORT;
use crate::observed::Space;

/// Asks for the room here.
pub fn ask(path: &str) -> Command {
    Command::here(["df", "-Pk", "--", path], SHORT)
}

/// Reads what [`ask`] printed about a path; `None`: it is no such table.
pub fn read(path: &str, stdout: &str) -> Option<Space> {
    line(&format!("{path} {}", stdout.lines().nth(1)?))
}

/// Reads a path and, behind it, its line of the table. A file system's name may hold spaces; what is before the percentage are
/// numbers.
pub fn line(line: &str) -> Option<Space> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let percent = words.iter().skip(5).position(|word| word.ends_with('%'))? + 5;
    let bytes = |at: usize| words[at].parse::<u64>().ok()?.checked_mul(1024);
    let (size, free) = (bytes(percent - 3)?, bytes(percent - 1)?);
    Some(Space { path: words[0].to_owned(), free, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_read_from_the_line_of_a_file_system() {
        let table = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n\
            /dev/vda         263174212 52736552  42000000      56% /\n";
        let space = Space { path: "/nix".to_owned(), free: 42_000_000 << 10, size: 263_174_212 << 10 };
        assert_eq!(read("/nix", table), Some(space));
        for wrong in ["", "df: /nix: No such file or directory\n", "a\n/dev/vda - - - - /\n", "a\n5%\n"] {
            assert_eq!(read("/nix", wrong), None, "{wrong}");
        }
    }
}
