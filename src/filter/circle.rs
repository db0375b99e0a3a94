//! A circle on the earth.

/// Mean radius of the earth in km (IUGG 1980).
const EARTH_KM: f64 = 6371.0088;

/// The haversine of the angle between two places, each a latitude in radians with its cosine and a longitude: sin^2 of half of it.
fn haversine((lat, cos_lat, lon): (f64, f64, f64), (other_lat, other_cos, other_lon): (f64, f64, f64)) -> f64 {
    let (north, east) = (((other_lat - lat) / 2.0).sin(), ((other_lon - lon) / 2.0).sin());
    north * north + cos_lat * other_cos * east * east
}

/// The place in radians; `None` where the latitude is beyond 90 degrees or the longitude beyond 360, which is no place.
fn radians(lat: f64, lon: f64) -> Option<(f64, f64, f64)> {
    let is_place = (-90.0..=90.0).contains(&lat) && (-360.0..=360.0).contains(&lon);
    let lat = lat.to_radians();
    is_place.then(|| (lat, lat.cos(), lon.to_radians()))
}

/// Kilometres between two places on a sphere, latitude and longitude in degrees; `None` where one is no place.
pub(crate) fn great_circle(from: (f64, f64), to: (f64, f64)) -> Option<f64> {
    Some(2.0 * EARTH_KM * haversine(radians(from.0, from.1)?, radians(to.0, to.1)?).min(1.0).sqrt().asin())
}

/// The places whose great-circle distance to a middle is at most a radius, on a sphere.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Circle {
    /// Latitude and longitude of the middle, in radians.
    lat: f64,
    lon: f64,
    cos_lat: f64,
    /// The haversine of the radius: sin^2 of half its angle.
    most: f64,
}

impl Circle {
    /// Degrees and kilometres: a latitude from -90 to 90, a longitude from -180 to 180, a radius from 0.
    pub(crate) fn new(lat: f64, lon: f64, km: f64) -> Self {
        let half_angle = km / (2.0 * EARTH_KM);
        // From half the way round on, everything is inside, whatever the sums below round to.
        let all = half_angle >= std::f64::consts::FRAC_PI_2;
        let most = if all { f64::INFINITY } else { half_angle.sin().powi(2) };
        let lat = lat.to_radians();
        Self { lat, lon: lon.to_radians(), cos_lat: lat.cos(), most }
    }

    /// Whether the place lies in it; `None` where the latitude is beyond 90 degrees or the longitude beyond 360, which is no place.
    pub(crate) fn contains(&self, lat: f64, lon: f64) -> Option<bool> {
        Some(haversine((self.lat, self.cos_lat, self.lon), radians(lat, lon)?) <= self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_sphere() {
        // Amsterdam to Bergen: 891.6 km by the spherical law of cosines.
        let (amsterdam, bergen) = ((52.3728f64, 4.8936f64), (60.3913f64, 5.3221f64));
        let (a, b) = (amsterdam.0.to_radians(), bergen.0.to_radians());
        let angle = (a.sin() * b.sin() + a.cos() * b.cos() * (bergen.1 - amsterdam.1).to_radians().cos()).acos();
        let km = angle * EARTH_KM;
        assert!((km - 892.0).abs() < 1.0, "{km}");
        let measured = great_circle(amsterdam, bergen).unwrap_or(0.0);
        assert!((measured - km).abs() < 1e-6, "{measured}");
        assert_eq!((great_circle(bergen, bergen), great_circle((0.0, 400.0), bergen)), (Some(0.0), None));
        for (radius, inside) in [(km - 0.001, false), (km + 0.001, true), (0.0, false), (1e9, true)] {
            assert_eq!(Circle::new(amsterdam.0, amsterdam.1, radius).contains(bergen.0, bergen.1), Some(inside), "{radius}");
        }
    }

    #[test]
    fn poles_and_the_date_line_are_no_borders() {
        assert_eq!(Circle::new(0.0, 179.9, 25.0).contains(0.0, -179.9), Some(true));
        assert_eq!(Circle::new(0.0, 179.9, 20.0).contains(0.0, -179.9), Some(false));
        assert_eq!(Circle::new(90.0, 0.0, 1.0).contains(90.0, 123.0), Some(true));
        assert_eq!(Circle::new(89.9, 0.0, 23.0).contains(89.9, 180.0), Some(true));
        assert_eq!(Circle::new(10.0, 20.0, 0.0).contains(10.0, 20.0), Some(true));
        assert_eq!(Circle::new(0.0, 0.0, 1e9).contains(90.1, 0.0), None);
        assert_eq!(Circle::new(0.0, 0.0, 1e9).contains(0.0, 360.1), None);
        assert_eq!(Circle::new(0.0, 0.0, 1e9).contains(0.0, f64::NAN), None);
        assert_eq!(Circle::new(0.0, -10.0, 1.0).contains(0.0, 350.0), Some(true));
    }
}
