//! The latency histogram as a picture.

use std::path::Path;

use plotters::prelude::*;

use crate::report::{Histogram, number};

/// Width and height of the picture in pixels.
const SIZE: (u32, u32) = (960, 480);

/// Bars of the picture: equal steps on a logarithmic axis, because latencies spread over decades.
const BARS: usize = 60;

/// Draws `histogram` into the SVG file `path`.
///
/// # Errors
///
/// One line, if the file cannot be written.
pub fn draw(path: &Path, histogram: &Histogram, title: &str) -> Result<(), String> {
    // Drawn in memory first, so that an unwritable file is an error here and not a panic in the
    // drawing library.
    let svg = render(histogram, title).map_err(|error| format!("cannot draw the plot: {error}"))?;
    std::fs::write(path, svg).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// A bar: from and to in milliseconds, how many.
type Bar = (f64, f64, f64);

fn render(histogram: &Histogram, title: &str) -> Result<String, Box<dyn std::error::Error>> {
    let bars = bars(histogram);
    let (from, to) = match (bars.first(), bars.last()) {
        (Some(first), Some(last)) => (first.0, last.1),
        _ => (1.0, 1000.0),
    };
    let highest = bars.iter().map(|bar| bar.2).fold(1.0, f64::max);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 20))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d((from..to).log_scale(), 0.0..highest * 1.08)?;
        chart
            .configure_mesh()
            .x_desc("latency of the last request of a page, ms")
            .y_desc("pages")
            .x_label_formatter(&|ms| {
                if *ms < 10.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
            })
            .y_label_formatter(&|pages| number(*pages as u64))
            .light_line_style(WHITE)
            .draw()?;
        let blue = RGBColor(0x2f, 0x6f, 0xb0);
        chart.draw_series(bars.iter().map(|&(from, to, pages)| {
            Rectangle::new([(from, 0.0), (to, pages)], blue.mix(0.85).filled())
        }))?;
        for (percent, colour) in [(50.0, GREEN), (90.0, RGBColor(230, 140, 0)), (99.0, RED)] {
            let at = histogram.percentile(percent).as_secs_f64() * 1e3;
            if (from..=to).contains(&at) {
                let line =
                    LineSeries::new([(at, 0.0), (at, highest * 1.05)], colour.stroke_width(2));
                let label = format!("p{percent:.0} = {at:.1} ms");
                chart.draw_series(line)?.label(label).legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
                });
            }
        }
        chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
        area.present()?;
    }
    Ok(svg)
}

/// The fine buckets, put together into [`BARS`] equal steps of the logarithm.
fn bars(histogram: &Histogram) -> Vec<Bar> {
    let ms = |duration: std::time::Duration| (duration.as_secs_f64() * 1e3).max(0.001);
    let fine: Vec<Bar> =
        histogram.bars().map(|(from, to, count)| (ms(from), ms(to), count as f64)).collect();
    let (Some(first), Some(last)) = (fine.first(), fine.last()) else { return Vec::new() };
    let (low, high) = (first.0.ln(), last.1.ln());
    let step = ((high - low) / BARS as f64).max(1e-6);
    let mut bars: Vec<Bar> = (0..BARS)
        .map(|bar| ((low + step * bar as f64).exp(), (low + step * (bar + 1) as f64).exp(), 0.0))
        .collect();
    for (from, to, count) in fine {
        let middle = f64::midpoint(from.ln(), to.ln());
        let bar = ((middle - low) / step) as usize;
        bars[bar.min(BARS - 1)].2 += count;
    }
    bars
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Goal: the picture is an SVG with the percentiles in it, and no page is lost between bars.
    /// Method: 1,000 latencies; the sum of the bars; the text of the file.
    #[test]
    fn the_picture_holds_all_pages_and_names_the_percentiles() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|n| histogram.record(Duration::from_micros(n * 300)));
        assert_eq!(bars(&histogram).iter().map(|bar| bar.2).sum::<f64>(), 1000.0);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("plot.svg");
        draw(&file, &histogram, "A title").unwrap();
        let svg = std::fs::read_to_string(&file).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("A title") && svg.contains("p99 ="));
    }

    /// Goal: nothing to draw, one page, or nowhere to write is no reason to panic.
    /// Method: all three.
    #[test]
    fn empty_runs_and_bad_paths_do_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let mut histogram = Histogram::default();
        draw(&dir.path().join("a.svg"), &histogram, "none").unwrap();
        histogram.record(Duration::from_millis(5));
        draw(&dir.path().join("b.svg"), &histogram, "one").unwrap();
        let error = draw(&dir.path().join("no/dir.svg"), &histogram, "x").unwrap_err();
        assert!(error.starts_with("cannot write") && !error.contains('\n'));
    }
}
