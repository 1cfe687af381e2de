//! The subject tree: which subscriptions match a subject.

use std::collections::HashMap;

/// A set of values under subject patterns, each in a queue group or in none.
///
/// The nodes lie in one vector and refer to each other by index, so that neither a look-up nor the drop of a
/// pattern with thousands of tokens recurses.
pub(crate) struct Sublist<T> {
    nodes: Vec<Node<T>>,
    free: Vec<usize>,
    len: usize,
}

struct Node<T> {
    plain: Vec<T>,
    groups: Vec<Group<T>>,
    literal: HashMap<Box<[u8]>, usize>,
    one: Option<usize>,
    rest: Option<usize>,
}

/// The members of one queue group.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group<T> {
    pub(crate) name: Box<[u8]>,
    pub(crate) members: Vec<T>,
}

/// What matches a subject: `>` before the more exact patterns, else in the order of subscribing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matches<T> {
    pub(crate) plain: Vec<T>,
    pub(crate) groups: Vec<Group<T>>,
}

/// The subject is not one that can be subscribed to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidSubject;

const ROOT: usize = 0;

impl<T> Node<T> {
    fn new() -> Node<T> {
        Node { plain: Vec::new(), groups: Vec::new(), literal: HashMap::new(), one: None, rest: None }
    }

    fn child(&self, token: &[u8]) -> Option<usize> {
        match token {
            b"*" => self.one,
            b">" => self.rest,
            _ => self.literal.get(token).copied(),
        }
    }

    fn is_empty(&self) -> bool {
        self.plain.is_empty()
            && self.groups.is_empty()
            && self.literal.is_empty()
            && self.one.is_none()
            && self.rest.is_none()
    }
}

impl<T: Copy + PartialEq> Sublist<T> {
    pub(crate) fn new() -> Sublist<T> {
        Sublist { nodes: vec![Node::new()], free: Vec::new(), len: 0 }
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a value under a pattern.
    pub(crate) fn insert(
        &mut self,
        pattern: &[u8],
        queue: Option<&[u8]>,
        value: T,
    ) -> Result<(), InvalidSubject> {
        if !is_valid_pattern(pattern) {
            return Err(InvalidSubject);
        }
        let mut at = ROOT;
        for token in pattern.split(|byte| *byte == b'.') {
            let next = self.nodes.get(at).and_then(|node| node.child(token));
            at = match next {
                Some(next) => next,
                None => self.add_child(at, token),
            };
        }
        if let Some(node) = self.nodes.get_mut(at) {
            match queue {
                None => node.plain.push(value),
                Some(queue) => join(&mut node.groups, queue, &[value]),
            }
            self.len += 1;
        }
        Ok(())
    }

    fn add_child(&mut self, parent: usize, token: &[u8]) -> usize {
        let index = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::new());
            self.nodes.len() - 1
        });
        if let Some(node) = self.nodes.get_mut(parent) {
            match token {
                b"*" => node.one = Some(index),
                b">" => node.rest = Some(index),
                _ => {
                    node.literal.insert(token.into(), index);
                }
            }
        }
        index
    }

    /// Takes a value from under a pattern; false if it is not there.
    pub(crate) fn remove(&mut self, pattern: &[u8], queue: Option<&[u8]>, value: T) -> bool {
        let mut path = Vec::new();
        let mut at = ROOT;
        for token in pattern.split(|byte| *byte == b'.') {
            let Some(next) = self.nodes.get(at).and_then(|node| node.child(token)) else { return false };
            path.push((at, token));
            at = next;
        }
        let Some(node) = self.nodes.get_mut(at) else { return false };
        let removed = match queue {
            None => take(&mut node.plain, value),
            Some(queue) => leave(&mut node.groups, queue, value),
        };
        if removed {
            self.len -= 1;
            self.prune(at, path);
        }
        removed
    }

    /// Gives back the nodes of a path that hold nothing any more, from the leaf up.
    fn prune(&mut self, leaf: usize, path: Vec<(usize, &[u8])>) {
        let mut child = leaf;
        for (parent, token) in path.into_iter().rev() {
            if !self.nodes.get(child).is_some_and(Node::is_empty) {
                return;
            }
            if let Some(node) = self.nodes.get_mut(parent) {
                match token {
                    b"*" => node.one = None,
                    b">" => node.rest = None,
                    _ => {
                        node.literal.remove(token);
                    }
                }
            }
            self.free.push(child);
            child = parent;
        }
    }

    /// All values whose patterns match the subject. Wildcards in the subject are tokens like any other.
    pub(crate) fn matches(&self, subject: &[u8]) -> Matches<T> {
        let mut found = Matches { plain: Vec::new(), groups: Vec::new() };
        let tokens: Vec<&[u8]> = subject.split(|byte| *byte == b'.').collect();
        if tokens.iter().any(|token| token.is_empty()) {
            return found;
        }
        let mut todo = vec![(ROOT, tokens.as_slice())];
        while let Some((at, tokens)) = todo.pop() {
            let (Some(node), Some((token, behind))) = (self.nodes.get(at), tokens.split_first()) else {
                continue;
            };
            self.collect(node.rest, &mut found);
            let literal = node.literal.get(*token).copied();
            if behind.is_empty() {
                self.collect(literal, &mut found);
                self.collect(node.one, &mut found);
            } else {
                todo.extend(literal.map(|next| (next, behind)));
                todo.extend(node.one.map(|next| (next, behind)));
            }
        }
        found
    }

    fn collect(&self, index: Option<usize>, found: &mut Matches<T>) {
        let Some(node) = index.and_then(|index| self.nodes.get(index)) else { return };
        found.plain.extend_from_slice(&node.plain);
        for group in &node.groups {
            join(&mut found.groups, &group.name, &group.members);
        }
    }
}

fn join<T: Copy>(groups: &mut Vec<Group<T>>, name: &[u8], members: &[T]) {
    match groups.iter_mut().find(|group| &*group.name == name) {
        Some(group) => group.members.extend_from_slice(members),
        None => groups.push(Group { name: name.into(), members: members.to_vec() }),
    }
}

fn leave<T: Copy + PartialEq>(groups: &mut Vec<Group<T>>, name: &[u8], value: T) -> bool {
    let Some(group) = groups.iter_mut().find(|group| &*group.name == name) else { return false };
    let removed = take(&mut group.members, value);
    groups.retain(|group| !group.members.is_empty());
    removed
}

fn take<T: PartialEq>(values: &mut Vec<T>, value: T) -> bool {
    let Some(index) = values.iter().position(|other| *other == value) else { return false };
    values.remove(index);
    true
}

/// No empty token, and `>` only at the end.
pub(crate) fn is_valid_pattern(pattern: &[u8]) -> bool {
    let mut tokens = pattern.split(|byte| *byte == b'.').peekable();
    while let Some(token) = tokens.next() {
        if token.is_empty() || (token == b">" && tokens.peek().is_some()) {
            return false;
        }
    }
    true
}

/// Whether some token is a wildcard.
pub(crate) fn has_wildcard(pattern: &[u8]) -> bool {
    pattern.split(|byte| *byte == b'.').any(|token| token == b"*" || token == b">")
}

/// Whether some subject matches both patterns.
pub(crate) fn overlap(a: &[u8], b: &[u8]) -> bool {
    let mut a = a.split(|byte| *byte == b'.');
    let mut b = b.split(|byte| *byte == b'.');
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (None, Some(_)) | (Some(_), None) => return false,
            (Some(b">"), Some(_)) | (Some(_), Some(b">")) => return true,
            (Some(x), Some(y)) if x == b"*" || y == b"*" || x == y => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(patterns: &[&str]) -> Sublist<usize> {
        let mut list = Sublist::new();
        for (index, pattern) in patterns.iter().enumerate() {
            list.insert(pattern.as_bytes(), None, index).unwrap();
        }
        list
    }

    fn plain(list: &Sublist<usize>, subject: &str) -> Vec<usize> {
        list.matches(subject.as_bytes()).plain
    }

    #[test]
    fn literals_and_wildcards_match_by_token() {
        let list = list(&["a.b", "a.*", "a.>", ">", "*", "a", "a.b.c", "*.b.*"]);
        let sorted = |subject| {
            let mut found = plain(&list, subject);
            found.sort_unstable();
            found
        };
        assert_eq!(sorted("a"), [3, 4, 5]);
        assert_eq!(sorted("a.b"), [0, 1, 2, 3]);
        assert_eq!(sorted("a.b.c"), [2, 3, 6, 7]);
        assert_eq!(sorted("x.y.z"), [3]);
    }

    #[test]
    fn the_order_is_the_real_servers() {
        assert_eq!(plain(&list(&[">", "a.*", "a.b"]), "a.b"), [0, 2, 1]);
    }

    #[test]
    fn a_wildcard_inside_a_token_is_a_letter() {
        assert_eq!(plain(&list(&["a*", "b>.c"]), "a*"), [0]);
        assert_eq!(plain(&list(&["a*"]), "ab"), [] as [usize; 0]);
    }

    #[test]
    fn a_subject_with_an_empty_token_reaches_nobody() {
        let list = list(&[">", "*", "a.*.b"]);
        for subject in ["", ".", "a..b", ".a", "a."] {
            assert!(plain(&list, subject).is_empty(), "{subject}");
        }
    }

    #[test]
    fn bad_patterns_are_refused() {
        for pattern in ["", ".", "a..b", ".a", "a.", ">.a", "a.>.b"] {
            assert_eq!(Sublist::new().insert(pattern.as_bytes(), None, 1), Err(InvalidSubject), "{pattern}");
        }
    }

    #[test]
    fn a_queue_group_spans_patterns() {
        let mut list = Sublist::new();
        list.insert(b"a.b", Some(b"q"), 1).unwrap();
        list.insert(b"a.*", Some(b"q"), 2).unwrap();
        list.insert(b"a.*", Some(b"r"), 3).unwrap();
        let found = list.matches(b"a.b");
        assert_eq!(found.plain, [] as [i32; 0]);
        assert_eq!(found.groups.len(), 2);
        assert_eq!(found.groups[0], Group { name: (*b"q").into(), members: vec![1, 2] });
    }

    #[test]
    fn removing_gives_the_nodes_back() {
        let mut list = Sublist::new();
        let patterns: [&[u8]; 4] = [b"a.b.c", b"a.*.c", b"a.>", b"a"];
        for round in 0..3 {
            for pattern in patterns {
                list.insert(pattern, None, 1).unwrap();
                list.insert(pattern, Some(b"q"), 2).unwrap();
            }
            assert_eq!(list.len(), 8);
            for pattern in patterns {
                assert!(!list.remove(pattern, None, 2));
                assert!(!list.remove(pattern, Some(b"r"), 2));
                assert!(list.remove(pattern, None, 1));
                assert!(list.remove(pattern, Some(b"q"), 2));
                assert!(!list.remove(pattern, Some(b"q"), 2));
            }
            assert_eq!(list.len(), 0);
            assert_eq!(list.nodes.len(), list.free.len() + 1, "round {round}");
        }
    }

    #[test]
    fn thousands_of_tokens_do_not_exhaust_the_stack() {
        let pattern = ["*"; 50_000].join(".");
        let mut list = list(&[pattern.as_str()]);
        assert_eq!(plain(&list, &["x"; 50_000].join(".")), [0]);
        assert!(list.remove(pattern.as_bytes(), None, 0));
        assert!(plain(&list, &["x"; 50_000].join(".")).is_empty());
    }

    #[test]
    fn patterns_overlap_if_a_subject_matches_both() {
        for (a, b, expected) in [
            ("a", "a", true),
            ("a", "b", false),
            ("*", "a", true),
            ("a.*", "*.b", true),
            ("a.>", "a", false),
            ("a.>", "a.b.c", true),
            ("a.*", "a.b.c", false),
            (">", "x.y", true),
        ] {
            assert_eq!(overlap(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
            assert_eq!(overlap(b.as_bytes(), a.as_bytes()), expected, "{b} {a}");
        }
    }
}
