//! How long to wait before a request is sent again.

use std::time::Duration;

/// The longest wait without a server's wish.
const LONGEST: Duration = Duration::from_secs(60);

/// The longest wish of a server that is honoured; beyond, the run stops and can be resumed.
pub(super) const LONGEST_WISH: Duration = Duration::from_secs(600);

/// The wait before attempt `attempt + 2`: doubled with each attempt, and shortened by chance by up to a half, so that
/// requests that failed together do not come back together. A server's wish is honoured where it is longer.
///
/// `wait = min(60 s, first · 2^attempt) · (1 − chance / 2)`, chance in 0..1 (exponential back-off with jitter).
pub(super) fn wait_before_retry(
    first: Duration,
    attempt: u32,
    chance: f64,
    wish: Option<Duration>,
) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(attempt)).min(LONGEST);
    let wait = doubled.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0);
    wish.map_or(wait, |wish| wish.max(wait))
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
///
/// `now` is the time since 1970.
pub(super) fn retry_after(header: &str, now: Duration) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    if let Ok(seconds) = header.parse::<f64>() {
        return (seconds >= 0.0)
            .then(|| Duration::try_from_secs_f64(seconds).ok())
            .flatten();
    }
    http_date(header).map(|date| Duration::from_secs(date).saturating_sub(now))
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = text.split_once(", ")?;
    let parts: Vec<&str> = rest.split(' ').collect();
    let [day, month, year, time, "GMT"] = parts[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    let clock: Vec<u64> = time
        .split(':')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let [hours, minutes, seconds] = clock[..] else {
        return None;
    };
    if !(1970..=9999).contains(&year)
        || !(1..=31).contains(&day)
        || hours > 23
        || minutes > 59
        || seconds > 60
    {
        return None;
    }
    Some(days_since_1970(year, month, day) * 86_400 + hours * 3600 + minutes * 60 + seconds)
}

/// Days of the Gregorian calendar, with years that begin in March (Howard Hinnant, `days_from_civil`).
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted = (month + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end_at_a_minute() {
        let first = Duration::from_secs(1);
        let whole: Vec<u64> = (0..8)
            .map(|attempt| wait_before_retry(first, attempt, 0.0, None).as_secs())
            .collect();
        assert_eq!(whole, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(
            wait_before_retry(first, 3, 1.0, None),
            Duration::from_secs(4),
            "half at most by chance"
        );
        assert_eq!(wait_before_retry(first, 40, 0.0, None), LONGEST, "no overflow");
    }

    #[test]
    fn a_servers_wish_is_honoured() {
        let first = Duration::from_secs(1);
        let wish = Some(Duration::from_secs(20));
        assert_eq!(wait_before_retry(first, 0, 0.5, wish), Duration::from_secs(20));
        assert_eq!(
            wait_before_retry(first, 6, 0.0, wish),
            Duration::from_secs(60),
            "the longer of the two"
        );
    }

    /// The example of RFC 9110; 784,111,777 is from `date -d '1994-11-06 08:49:37 UTC' +%s`.
    #[test]
    fn wishes_are_seconds_or_dates() {
        let now = Duration::from_secs(784_111_700);
        assert_eq!(retry_after(" 7 ", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("0.5", now), Some(Duration::from_millis(500)));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now),
            Some(Duration::from_secs(77))
        );
        let later = Duration::from_secs(1_800_000_000);
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT", later),
            Some(Duration::ZERO)
        );
        for bad in ["", "soon", "-5", "Sun, 06 Now 1994 08:49:37 GMT", "NaN"] {
            assert_eq!(retry_after(bad, now), None, "{bad}");
        }
        assert_eq!(
            days_since_1970(2000, 3, 1),
            11_017,
            "`date -d 2000-03-01` / 86,400"
        );
    }
}
