//! A rule's identifier in; what it means, why lodger refuses what it does, and an example of each out.

mod files;
mod references;
mod values;

/// What there is to say about a rule.
#[derive(Debug)]
pub struct Page {
    /// Its identifier, such as `L006`; see [`rule`](super::rule).
    pub rule: &'static str,
    /// Its name for programs: lower case, with `-` between words.
    pub name: &'static str,
    /// The mistake in a few words, without a stop.
    pub title: &'static str,
    /// What is wrong, in sentences; `code` is marked with backticks.
    pub meaning: &'static str,
    /// What would happen if lodger took it, in sentences.
    pub why: &'static str,
    /// Files that break this rule and no other. Empty where it takes too many to be shown.
    pub wrong: &'static [Example],
    /// The same without the mistake.
    pub right: &'static [Example],
}

/// A file of an example. The host of all examples has `/usr/sbin/nginx` and the user `www-data`.
#[derive(Debug)]
pub struct Example {
    /// Absolute.
    pub path: &'static str,
    /// What is there.
    pub content: Content,
}

/// What can be at a path.
#[derive(Debug)]
pub enum Content {
    /// A file with this text.
    Text(&'static str),
    /// A file with these bytes, which are no UTF-8.
    Bytes(&'static [u8]),
    /// A symbolic link to this.
    Link(&'static str),
    /// A directory.
    Directory,
}

/// Every page, in the order of the identifiers.
pub fn pages() -> impl Iterator<Item = &'static Page> {
    [files::PAGES, values::PAGES, references::PAGES]
        .into_iter()
        .flatten()
}

/// The page of `rule`.
pub fn page(rule: &str) -> Option<&'static Page> {
    pages().find(|page| page.rule == rule)
}

/// The examples as one text, each line ending in a newline: the path as a comment, then what is there.
pub fn text_of(examples: &[Example]) -> String {
    let texts = examples.iter().map(|Example { path, content }| {
        let content = match content {
            Content::Text(text) => (*text).to_owned(),
            Content::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Content::Link(target) => return format!("# {path} is a link to {target}\n"),
            Content::Directory => return format!("# {path} is a directory\n"),
        };
        format!("# {path}\n{content}")
    });
    texts.collect::<Vec<_>>().join("\n")
}

impl Page {
    /// The page as Markdown, without its title.
    pub fn markdown(&self) -> String {
        let mut text = format!("{}\n\n{}\n", self.meaning, self.why);
        for (title, examples) in [("Wrong", self.wrong), ("Right", self.right)] {
            if !examples.is_empty() {
                text.push_str(&format!(
                    "\n{title}:\n\n```toml\n{}```\n",
                    text_of(examples)
                ));
            }
        }
        text
    }
}

/// A container file of an example.
const fn file(path: &'static str, text: &'static str) -> Example {
    Example {
        path,
        content: Content::Text(text),
    }
}

/// The file that most examples need no more than.
const fn web(text: &'static str) -> Example {
    file("/etc/lodger/web.toml", text)
}
