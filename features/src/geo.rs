//! Places on the globe.

/// The finest resolution of cells: some 2 m.
pub(crate) const MAX_RESOLUTION: u32 = 23;

/// A latitude and a longitude in degrees.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Place {
    latitude: f64,
    longitude: f64,
}

impl Place {
    /// Latitudes from -90 to 90.
    pub(crate) const LATITUDE: f64 = 90.0;
    /// Longitudes from -180 to 180, which are the same meridian.
    pub(crate) const LONGITUDE: f64 = 180.0;

    /// A place whose latitude and longitude are in range.
    pub(crate) fn new(latitude: f64, longitude: f64) -> Self {
        Self { latitude, longitude }
    }

    /// Its vector from the centre of a globe of radius 1: to 0° N 0° E, to 0° N 90° E, and to the north pole.
    pub(crate) fn unit(self) -> [f64; 3] {
        let ((sin_lat, cos_lat), (sin_lon, cos_lon)) = (self.latitude.to_radians().sin_cos(), self.longitude.to_radians().sin_cos());
        [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat]
    }

    /// Row (from the south pole) and column (eastward from 180° W) of the cell, where the globe has `2^resolution` rows and twice as many columns.
    pub(crate) fn cell(self, resolution: u32) -> (u64, u64) {
        let rows = 1u64 << resolution.min(MAX_RESOLUTION);
        let row = ((self.latitude + 90.0) / 180.0 * rows as f64) as u64;
        let column = ((self.longitude + 180.0) / 360.0 * (2 * rows) as f64) as u64;
        // The north pole belongs to the last row, the meridian of 180° E is that of 180° W.
        (row.min(rows - 1), column % (2 * rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cover_the_globe() {
        for (latitude, longitude, cell) in [
            (-90.0, -180.0, (0, 0)),
            (90.0, 180.0, (3, 0)),
            (90.0, 179.9, (3, 7)),
            (0.0, 0.0, (2, 4)),
            (-0.001, -0.001, (1, 3)),
            (44.9, 0.0, (2, 4)),
            (45.0, 0.0, (3, 4)),
        ] {
            assert_eq!(Place::new(latitude, longitude).cell(2), cell, "{latitude} {longitude}");
        }
        assert_eq!(Place::new(90.0, 180.0).cell(0), (0, 0));
    }

    proptest::proptest! {
        #[test]
        fn a_cell_is_within_its_grid_and_a_unit_vector_has_length_1(latitude in -90.0..=90.0f64, longitude in -180.0..=180.0f64, resolution in 0..=MAX_RESOLUTION) {
            let place = Place::new(latitude, longitude);
            let (row, column) = place.cell(resolution);
            proptest::prop_assert!(row < 1 << resolution && column < 2 << resolution);
            let coarser = place.cell(resolution.saturating_sub(1));
            proptest::prop_assert!(resolution == 0 || coarser == (row / 2, column / 2));
            let length: f64 = place.unit().iter().map(|x| x * x).sum();
            proptest::prop_assert!((length - 1.0).abs() < 1e-12);
        }
    }
}
