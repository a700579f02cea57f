//! Days and dates of the Gregorian calendar, also before it was invented.
//!
//! Years are counted from March, so that the leap day is the last of its year; 719,468 days lie between 0000-03-01 and
//! 1970-01-01, and 146,097 days are 400 years.

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// Year, month and day of a day that is counted from 1970.
pub(crate) const fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

/// The day of a date, counted from 1970.
pub(crate) const fn days_until(year: i64, month: i64, day: i64) -> i64 {
    let year_from_march = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year_from_march.div_euclid(400), year_from_march.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_has_a_date_and_every_date_its_day() {
        assert_eq!(date_of(0), (1970, 1, 1));
        let mut last = date_of(-800_000);
        for day in -799_999..800_000 {
            let date = date_of(day);
            assert_eq!(days_until(date.0, date.1, date.2), day);
            let (year, month, of_month) = last;
            let follows = [(year, month, of_month + 1), (year, month + 1, 1), (year + 1, 1, 1)];
            assert!(follows.contains(&date), "{last:?} {date:?}");
            last = date;
        }
        assert_eq!((date_of(11_016), date_of(47_541)), ((2000, 2, 29), (2100, 3, 1)));
    }
}
