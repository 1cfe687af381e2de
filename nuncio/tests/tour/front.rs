//! What the documentation of the crate has to tell.

const FRONT_PAGE: &str = include_str!("../../src/lib.rs");
const SUBSCRIBE: &str = include_str!("../../src/subscribe.rs");

#[test]
fn the_front_page_begins_with_the_connection() {
    let (_, start) =
        FRONT_PAGE.split_once("//! # Where to start").expect("the front page says where to start");
    let first = start.lines().find(|line| line.contains('[')).expect("it names something");
    assert!(first.contains("[`connect()`]") && first.contains("[`Connect`]"), "{first}");
}

#[test]
fn the_documentation_of_callbacks_tells_when_a_loop_is_right() {
    let (before, after) =
        SUBSCRIBE.split_once("/// # A loop or a callback").expect("there is such a section");
    assert!(before.lines().rev().take(6).any(|line| line.contains("Calls a function for each message")));
    let section: Vec<_> = after.lines().take_while(|line| !line.contains("pub fn callback")).collect();
    for word in ["queue", "await", "block", "holds up"] {
        assert!(section.iter().any(|line| line.contains(word)), "{word}");
    }
}
