//! The guide and README, done by a machine: their commands are run in order, and what they print is what stands there.
//!
//! `SNAPSHOTS=overwrite cargo nextest run -p nix8s --test pages` writes outputs again; then read the diff.

#![expect(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

mod page;

use page::Page;

macro_rules! pages {
    ($($test:ident $path:literal)*) => {
        const PAGES: &[&str] = &[$($path),*];
        $(
            #[test]
            fn $test() {
                Page::read($path).hold();
            }
        )*
    };
}

pages! {
    readme "README.md"
    getting_started "docs/guide/getting-started.md"
    changing "docs/guide/changing.md"
    machines "docs/guide/machines.md"
    trouble "docs/guide/trouble.md"
    several "docs/guide/several.md"
    moving "docs/guide/moving.md"
    keeping "docs/guide/keeping.md"
    secrets "docs/secrets.md"
}

#[test]
fn every_page_of_the_guide_is_done() {
    let mut there: Vec<String> = std::fs::read_dir(page::root().join("docs/guide"))
        .unwrap()
        .map(|entry| format!("docs/guide/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    there.sort();
    let mut listed: Vec<&str> =
        PAGES.iter().copied().filter(|path| path.starts_with("docs/guide/")).collect();
    listed.sort_unstable();
    assert_eq!(there, listed);
}

#[test]
fn what_a_page_says_is_done_in_order() {
    let page = Page::new(
        "page.md",
        "\
1. Some prose.

   ```yaml
   # a/list.txt
   one
   two
   ```

```console
$ cat a/list.txt
an old output
$ false
```

```diff
# a/list.txt
 one
-two
+three
```

```console
$ grep -c . a/list.txt
```

<!-- not run: it would -->
```console
$ rm -r /
```

```console
$ cat a/list.txt && false
...
```
",
    );
    let done = page.done();
    assert!(done.contains("   two\n   ```"), "{done}");
    assert!(done.contains("$ cat a/list.txt\n# a/list.txt\none\ntwo\n$ false\n[exit code 1]\n```"), "{done}");
    assert!(done.contains("$ grep -c . a/list.txt\n```"), "{done}");
    assert!(done.contains("$ rm -r /\n```"), "{done}");
    assert!(done.contains("one\nthree\n[exit code 1]\n```"), "{done}");
}

#[test]
#[should_panic(expected = "is not there once")]
fn a_change_of_what_is_not_there_is_found() {
    drop(Page::new("page.md", "```yaml\n# a.txt\none\n```\n```diff\n# a.txt\n-two\n+three\n```\n").done());
}

#[test]
#[should_panic(expected = "exit code 1")]
fn a_command_that_fails_unseen_is_found() {
    drop(Page::new("page.md", "```console\n$ false\n```\n").done());
}
