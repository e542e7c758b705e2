//! Billing periods, by the calendar.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::Value;

/// No subscription is looked at for more periods: of a day each, 270 years.
const MOST: i64 = 100_000;

/// The end of the period that contains a time. Periods are counted from the anchor, so that one which began on the 31st
/// does so again after a shorter month.
pub(super) fn period_end(anchor: i64, time: i64, recurring: &Value) -> i64 {
    let count = recurring["interval_count"].as_i64().unwrap_or(1).max(1);
    let interval = recurring["interval"].as_str().unwrap_or("month");
    (1..=MOST).map(|number| later(anchor, interval, number * count)).find(|end| *end > time).unwrap_or(time)
}

/// So many months after a time.
pub(super) fn months_later(time: i64, months: i64) -> i64 {
    later(time, "month", months)
}

/// So many intervals after a time, in UTC.
pub(super) fn later(time: i64, interval: &str, count: i64) -> i64 {
    let span = Span::new();
    let span = match interval {
        "day" => span.try_days(count),
        "week" => span.try_weeks(count),
        "year" => span.try_years(count),
        _ => span.try_months(count),
    };
    let start = Timestamp::from_second(time).map(|time| time.to_zoned_datetime(TimeZone::UTC));
    let end = start.and_then(|start| start.checked_add(span?));
    // Beyond the calendar, time stands still.
    end.map_or(i64::MAX, |end| end.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(date: &str) -> i64 {
        format!("{date}T00:00:00Z").parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn a_month_ends_on_the_day_it_began_or_on_the_last() {
        let monthly = json!({ "interval": "month", "interval_count": 1 });
        let anchor = at("2026-01-31");
        assert_eq!(period_end(anchor, anchor, &monthly), at("2026-02-28"));
        assert_eq!(period_end(anchor, at("2026-02-28"), &monthly), at("2026-03-31"));
    }

    #[test]
    fn an_interval_can_be_counted() {
        let yearly = json!({ "interval": "year", "interval_count": 2 });
        assert_eq!(period_end(at("2026-01-01"), at("2026-06-01"), &yearly), at("2028-01-01"));
    }
}
