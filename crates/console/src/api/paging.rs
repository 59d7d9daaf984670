//! Pages behind a cursor. A cursor is opaque to clients: it is what the last item is found again by.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::ConsoleError;

/// Items on a page unless asked otherwise.
const LIMIT_USUAL: u32 = 50;
/// Most items on a page.
const LIMIT_MAX: u32 = 200;

/// Which page to give.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Most items to give: 1 to 200, 50 by default.
    limit: Option<u32>,
    /// `next_cursor` of the page before; nothing for the first.
    pub(super) cursor: Option<String>,
}

impl PageQuery {
    /// How many items to give.
    pub(super) fn limit(&self) -> Result<u32, ConsoleError> {
        let limit = self.limit.unwrap_or(LIMIT_USUAL);
        if (1..=LIMIT_MAX).contains(&limit) {
            Ok(limit)
        } else {
            Err(ConsoleError::Malformed(format!("limit: write 1 to {LIMIT_MAX}")))
        }
    }

    /// The cursor as what it stands for.
    pub(super) fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, ConsoleError> {
        let read = |text: &String| text.parse::<T>();
        let refused = |_| ConsoleError::Malformed("cursor: this is none of ours".to_owned());
        self.cursor.as_ref().map(read).transpose().map_err(refused)
    }

    /// One page of items that are all at hand, and the cursor to the next. `name` tells an item from
    /// all others.
    pub(super) fn cut<T>(
        &self,
        items: Vec<T>,
        name: impl Fn(&T) -> String,
    ) -> Result<(Vec<T>, Option<String>), ConsoleError> {
        let limit = usize::try_from(self.limit()?).unwrap_or(usize::MAX);
        let start = match &self.cursor {
            None => 0,
            Some(cursor) => {
                let found = items.iter().position(|item| name(item) == *cursor);
                let none = || ConsoleError::Malformed("cursor: this is none of ours".to_owned());
                found.ok_or_else(none)? + 1
            }
        };
        let has_more = items.len() > start.saturating_add(limit);
        let page: Vec<T> = items.into_iter().skip(start).take(limit).collect();
        let next = page.last().filter(|_| has_more).map(name);
        Ok((page, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn query(limit: Option<u32>, cursor: Option<&str>) -> PageQuery {
        PageQuery { limit, cursor: cursor.map(str::to_owned) }
    }

    proptest! {
        #[test]
        fn following_the_cursor_gives_every_item_once_and_in_order(
            count in 0_u32..500, limit in 1_u32..=LIMIT_MAX,
        ) {
            let items: Vec<u32> = (0..count).collect();
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let asked = PageQuery { limit: Some(limit), cursor };
                let (page, next) = asked.cut(items.clone(), ToString::to_string).unwrap();
                prop_assert!(page.len() <= limit as usize);
                seen.extend(page);
                cursor = next;
                if cursor.is_none() {
                    break;
                }
            }
            prop_assert_eq!(seen, items);
        }
    }

    #[test]
    fn limits_out_of_range_and_foreign_cursors_are_refused() {
        for limit in [0, 201, u32::MAX] {
            assert!(query(Some(limit), None).limit().is_err(), "{limit}");
        }
        assert!(query(None, Some("x")).cut(vec![1, 2], ToString::to_string).is_err());
        assert!(query(None, Some("x")).after::<u32>().is_err());
        assert_eq!(query(None, None).limit().unwrap(), LIMIT_USUAL);
    }
}
