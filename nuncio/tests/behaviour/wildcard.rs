//! Which subjects a pattern receives.

use crate::support::*;
use crate::target::Target;

rules! {
    async fn patterns_receive_exactly_what_they_match(t: Target) {
        let nc = t.client().await;
        let root = unique();
        let table: [(&str, &[&str]); 12] = [
            ("help.me.system", &["help.me.system"]),
            ("help.*", &["help.me", "help.you"]),
            ("help.*.system", &["help.me.system"]),
            ("help.me.*", &["help.me.system", "help.me.now"]),
            ("help.>", &["help.me", "help.you", "help.me.system", "help.me.now", "help.me.now.or.never"]),
            ("*", &["help", "*"]),
            ("*.*", &["help.me", "help.you"]),
            (">", &["help", "*", "help.me", "help.you", "help.me.system", "help.me.now", "help.me.now.or.never"]),
            ("*.>", &["help.me", "help.you", "help.me.system", "help.me.now", "help.me.now.or.never"]),
            ("help.*.>", &["help.me.system", "help.me.now", "help.me.now.or.never"]),
            ("help.m*", &[]),
            ("help.me>", &[]),
        ];
        let mut subs = Vec::new();
        for (pattern, _) in table {
            subs.push(nc.subscribe(format!("{root}.{pattern}")).await.unwrap());
        }
        for subject in ["help", "*", "help.me", "help.you", "help.me.system", "help.me.now", "help.me.now.or.never"] {
            nc.publish(format!("{root}.{subject}"), subject).await.unwrap();
        }
        settle(&[&nc]).await;
        for ((pattern, expected), sub) in table.into_iter().zip(&mut subs) {
            assert_eq!(present(sub), expected, "{pattern}");
        }
    }

    async fn a_star_stands_for_exactly_one_token(t: Target) {
        let nc = t.client().await;
        let root = unique();
        let mut sub = nc.subscribe(format!("{root}.*")).await.unwrap();
        for subject in ["", ".a", ".a.b"] {
            nc.publish(format!("{root}{subject}"), subject).await.unwrap();
        }
        settle(&[&nc]).await;
        assert_eq!(present(&mut sub), [".a"]);
    }

    async fn a_greater_than_sign_stands_for_one_token_or_more(t: Target) {
        let nc = t.client().await;
        let root = unique();
        let mut sub = nc.subscribe(format!("{root}.>")).await.unwrap();
        for subject in ["", ".a", ".a.b", ".a.b.c"] {
            nc.publish(format!("{root}{subject}"), subject).await.unwrap();
        }
        settle(&[&nc]).await;
        assert_eq!(present(&mut sub), [".a", ".a.b", ".a.b.c"]);
    }

    async fn subjects_are_told_apart_by_case(t: Target) {
        let nc = t.client().await;
        let root = unique();
        let mut sub = nc.subscribe(format!("{root}.Foo")).await.unwrap();
        nc.publish(format!("{root}.foo"), "lower").await.unwrap();
        nc.publish(format!("{root}.Foo"), "upper").await.unwrap();
        settle(&[&nc]).await;
        assert_eq!(present(&mut sub), ["upper"]);
    }
}
