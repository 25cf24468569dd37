//! Finds bright blobs in a picture: connected components, row by row.

use crate::events::Animal;
use crate::picture::Picture;

/// From this value on a pixel is bright. The background of the camera's pictures stays below 100.
pub const BRIGHT: u8 = 110;
/// Blobs with fewer pixels are noise.
pub const MIN_AREA: u32 = 20;

/// A run of bright pixels in one row.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    region: usize,
}

/// What is known so far of pixels that touch each other.
#[derive(Clone, Copy)]
struct Region {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
    area: u64,
    sum: u64,
    /// The region that this one turned out to be a part of; its own number if none.
    part_of: usize,
}

/// The bright blobs of a picture, from top to bottom, then from left to right. Pixels that touch at a corner are one blob.
pub fn find(picture: &Picture<'_>) -> Vec<Animal> {
    let mut regions: Vec<Region> = Vec::new();
    let (mut above, mut here): (Vec<Run>, Vec<Run>) = (Vec::new(), Vec::new());
    for (y, row) in picture.pixels.chunks_exact(picture.width).enumerate() {
        here.clear();
        // Most rows have nothing bright, and a maximum is found many bytes at a time.
        if row.iter().copied().max() >= Some(BRIGHT) {
            let mut x = 0;
            for pixels in row.chunk_by(|left, right| (*left >= BRIGHT) == (*right >= BRIGHT)) {
                let (start, end) = (x, x + pixels.len());
                x = end;
                if pixels.first() < Some(&BRIGHT) {
                    continue;
                }
                let region = regions.len();
                regions.push(Region {
                    left: start,
                    right: end,
                    top: y,
                    bottom: y + 1,
                    area: pixels.len() as u64,
                    sum: pixels.iter().map(|pixel| u64::from(*pixel)).sum(),
                    part_of: region,
                });
                for run in above.iter().filter(|run| run.start <= end && start <= run.end) {
                    join(&mut regions, run.region, region);
                }
                here.push(Run { start, end, region });
            }
        }
        std::mem::swap(&mut above, &mut here);
    }
    let mut animals: Vec<Animal> = regions
        .iter()
        .enumerate()
        .filter(|(number, region)| region.part_of == *number)
        .map(|(_, region)| animal(region))
        .filter(|animal| animal.area >= MIN_AREA)
        .collect();
    animals.sort_by_key(|animal| (animal.y, animal.x));
    animals
}

fn animal(region: &Region) -> Animal {
    let size = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Animal {
        x: size(region.left),
        y: size(region.top),
        width: size(region.right - region.left),
        height: size(region.bottom - region.top),
        area: u32::try_from(region.area).unwrap_or(u32::MAX),
        brightness: (region.sum / region.area.max(1)) as u32, // a mean of bytes is below 256
    }
}

/// The region that `number` is a part of by now.
fn root(regions: &[Region], mut number: usize) -> usize {
    while let Some(region) = regions.get(number).filter(|region| region.part_of != number) {
        number = region.part_of;
    }
    number
}

/// Makes the regions of `first` and `second` one.
fn join(regions: &mut [Region], first: usize, second: usize) {
    let (into, from) = (root(regions, first), root(regions, second));
    if into == from {
        return;
    }
    let Some(part) = regions.get_mut(from) else { return };
    part.part_of = into;
    let part = *part;
    if let Some(whole) = regions.get_mut(into) {
        whole.left = whole.left.min(part.left);
        whole.right = whole.right.max(part.right);
        whole.top = whole.top.min(part.top);
        whole.bottom = whole.bottom.max(part.bottom);
        whole.area += part.area;
        whole.sum += part.sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture from a drawing: `.` is dark, a digit `d` is as bright as `200 + d`. Each cell is 5 by 5 pixels.
    fn find_in(drawing: &[&str]) -> Vec<Animal> {
        let mut pixels = Vec::new();
        for line in drawing {
            let row: Vec<u8> = line
                .bytes()
                .flat_map(|byte| [if byte == b'.' { BRIGHT - 1 } else { 200 + byte - b'0' }; 5])
                .collect();
            pixels.extend(row.repeat(5));
        }
        let (width, height) = (drawing[0].len() * 5, drawing.len() * 5);
        find(&Picture { width, height, pixels: &pixels })
    }

    #[test]
    fn nothing_bright_is_nothing() {
        assert_eq!(find_in(&["....", "...."]), []);
    }

    #[test]
    fn blobs_come_from_top_to_bottom_with_their_boxes_and_means() {
        let found = find_in(&["...24", ".....", "1...."]);
        assert_eq!(
            found,
            [
                Animal { x: 15, y: 0, width: 10, height: 5, area: 50, brightness: 203 },
                Animal { x: 0, y: 10, width: 5, height: 5, area: 25, brightness: 201 },
            ]
        );
    }

    #[test]
    fn arms_that_meet_below_are_one_blob() {
        let found = find_in(&["0.0.0", "0.0.0", "00000"]);
        assert_eq!(found, [Animal { x: 0, y: 0, width: 25, height: 15, area: 275, brightness: 200 }]);
    }

    #[test]
    fn corners_touch_and_edges_of_the_picture_do_not() {
        assert_eq!(find_in(&["0.", ".0"]).len(), 1);
        assert_eq!(find_in(&["..0", "0.."]).len(), 2);
    }

    #[test]
    fn specks_are_noise() {
        let mut pixels = vec![0; 100];
        pixels[..MIN_AREA as usize - 1].fill(255);
        assert_eq!(find(&Picture { width: 100, height: 1, pixels: &pixels }), []);
        pixels[MIN_AREA as usize - 1] = 255;
        assert_eq!(find(&Picture { width: 100, height: 1, pixels: &pixels }).len(), 1);
    }
}
