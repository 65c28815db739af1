//! Makes a book of docs with mdBook, if that is installed.
//!
//! Pages may link to files beside docs, which are not in the book: there such links lead to the repository.

use std::fs;
use std::io;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::process::ExitCode;

use crate::repository::Repository;
use crate::tidy::links;

/// Where files are that are not in the book.
const ELSEWHERE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/");

/// Writes the pages as the book has them, and has it built.
pub fn run() -> ExitCode {
    let repository = Repository::read();
    let target = repository.root.join("target/book");
    if let Err(why) = write(&repository, &target) {
        eprintln!("error: could not write the pages below {}: {why}", target.display());
        return ExitCode::FAILURE;
    }
    let mut mdbook = Command::new("mdbook");
    mdbook.arg("build").arg(target.join("src")).arg("--dest-dir").arg(target.join("html"));
    match mdbook.status() {
        Ok(status) if status.success() => {
            println!("book: {}", target.join("html/index.html").display());
            ExitCode::SUCCESS
        }
        Ok(_) => ExitCode::FAILURE,
        Err(why) if why.kind() == ErrorKind::NotFound => {
            println!("SKIPPED mdbook: it is not installed (cargo install --locked mdbook, some minutes)");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("error: could not run mdbook: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The pages below `src`. What an earlier build left goes first: a page that was renamed is no page.
fn write(repository: &Repository, target: &Path) -> io::Result<()> {
    match fs::remove_dir_all(target) {
        Err(why) if why.kind() != ErrorKind::NotFound => return Err(why),
        Ok(()) | Err(_) => {}
    }
    for file in repository.files.iter().filter(|file| file.path.starts_with("docs/")) {
        let path = target.join("src").join(file.path.trim_start_matches("docs/"));
        fs::create_dir_all(path.parent().expect("it is below src"))?;
        fs::write(path, page(&file.path, &file.text))?;
    }
    Ok(())
}

/// A page whose links stay in the book or lead to the repository. SUMMARY.md itself names files.
fn page(path: &str, text: &str) -> String {
    let mut out = text.to_owned();
    if path.ends_with("SUMMARY.md") {
        return out;
    }
    for (line, _) in links::prose(text) {
        for target in links::targets(line).filter(|target| !target.contains("://")) {
            let (written, heading) = target.split_once('#').map_or((target, ""), |(file, at)| (file, at));
            let file = links::beside(path, written).to_string_lossy().into_owned();
            let led = match file.strip_prefix("docs/") {
                _ if written.is_empty() => continue,
                // mdBook makes an index of each README.
                Some(inside) if inside.ends_with("README.md") => written.replace("README.md", "index.md"),
                Some(_) => continue,
                None => format!("{ELSEWHERE}{file}"),
            };
            let heading = if heading.is_empty() { String::new() } else { format!("#{heading}") };
            out = out.replace(&format!("]({target})"), &format!("]({led}{heading})"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_out_of_the_book_lead_to_the_repository() {
        let text = "[a](b.md#c) [d](#e) [f](../../README.md#g) [i](../j/README.md)\n";
        let expected = format!("[a](b.md#c) [d](#e) [f]({ELSEWHERE}README.md#g) [i](../j/index.md)\n");
        assert_eq!(page("docs/guide/a.md", text), expected);
    }
}
