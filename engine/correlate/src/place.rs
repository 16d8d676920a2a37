//! Where on earth, and how far apart.

/// A place as [`crate::Hit::value`] carries it: a country (ISO 3166-1 alpha-2) and, where known, coordinates in degrees.
#[must_use]
pub fn place_value(country: [u8; 2], coordinates: Option<(f64, f64)>) -> [u8; 16] {
    let mut value = [0; 16];
    if let Some((latitude, longitude)) = coordinates.filter(|(lat, lon)| lat.abs() <= 90.0 && lon.abs() <= 180.0) {
        value[0] = 1;
        value[1..5].copy_from_slice(&((latitude * MICRO) as i32).to_be_bytes());
        value[5..9].copy_from_slice(&((longitude * MICRO) as i32).to_be_bytes());
    }
    value[9..11].copy_from_slice(&country.map(|letter| letter.to_ascii_uppercase()));
    value
}

/// Coordinates are kept in millionths of a degree, 11 cm.
const MICRO: f64 = 1e6;
/// Places of addresses are known to a city at best: what is nearer than this is the same place.
const NEAR_KM: u64 = 100;
const EARTH_RADIUS_KM: f64 = 6371.0;

fn coordinates(value: &[u8; 16]) -> Option<(f64, f64)> {
    let degrees = |at: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&value[at..at + 4]);
        (f64::from(i32::from_be_bytes(bytes)) / MICRO).to_radians()
    };
    (value[0] == 1).then(|| (degrees(1), degrees(5)))
}

/// Great-circle distance in whole kilometres, by the haversine formula; `None` without both coordinates.
fn distance_km(a: &[u8; 16], b: &[u8; 16]) -> Option<u64> {
    let ((lat_a, lon_a), (lat_b, lon_b)) = (coordinates(a)?, coordinates(b)?);
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let chord = half(lat_b - lat_a) + lat_a.cos() * lat_b.cos() * half(lon_b - lon_a);
    Some((2.0 * EARTH_RADIUS_KM * chord.clamp(0.0, 1.0).sqrt().asin()) as u64)
}

/// Whether nobody gets from one place to the other in this time; the distance in kilometres where it is known, else 0.
pub(crate) fn too_far(a: &[u8; 16], b: &[u8; 16], apart_ns: i64, speed_kmh: u32) -> Option<u64> {
    match distance_km(a, b) {
        Some(km) => {
            // km / hours > speed, without dividing by no time at all.
            let possible = i128::from(speed_kmh) * i128::from(apart_ns.max(0));
            (km >= NEAR_KM && i128::from(km) * 3_600_000_000_000 > possible).then_some(km)
        }
        None => (a[9..11] != b[9..11]).then_some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    #[test]
    fn distances_are_those_of_the_atlas_and_countries_stand_in() {
        let tokyo = place_value(*b"JP", Some((35.68, 139.77)));
        let osaka = place_value(*b"JP", Some((34.69, 135.50)));
        let london = place_value(*b"gb", Some((51.51, -0.13)));
        assert!((395..410).contains(&distance_km(&tokyo, &osaka).unwrap()));
        assert!((9_540..9_580).contains(&distance_km(&tokyo, &london).unwrap()));
        assert!(too_far(&tokyo, &london, 10 * HOUR, 900).is_some());
        assert_eq!(too_far(&tokyo, &london, 11 * HOUR, 900), None);
        assert!(too_far(&tokyo, &osaka, 0, 900).is_some() && too_far(&tokyo, &tokyo, 0, 900).is_none());
        let (japan, britain) = (place_value(*b"JP", None), place_value(*b"GB", Some((95.0, 0.0))));
        assert_eq!(too_far(&japan, &britain, HOUR, 900), Some(0));
        assert_eq!(too_far(&tokyo, &britain, HOUR, 900), Some(0));
        assert_eq!(too_far(&japan, &tokyo, HOUR, 900), None);
    }
}
