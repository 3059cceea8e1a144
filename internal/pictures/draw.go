// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/common/model"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// The pictures are as wide as a page of the documentation, at twice its resolution.
const (
	mostColumns = 3
	panelWidth  = 4.2 * vg.Inch
	panelHeight = 2.7 * vg.Inch
	resolution  = 150
)

// palette returns colours that colour-blind readers can tell apart (Okabe and Ito).
func palette() []color.Color {
	return []color.Color{
		color.RGBA{0x00, 0x72, 0xb2, 0xff},
		color.RGBA{0xd5, 0x5e, 0x00, 0xff},
		color.RGBA{0x00, 0x9e, 0x73, 0xff},
		color.RGBA{0xcc, 0x79, 0xa7, 0xff},
		color.RGBA{0xe6, 0x9f, 0x00, 0xff},
		color.RGBA{0x56, 0xb4, 0xe9, 0xff},
	}
}

// draw writes the row's picture into a directory.
func (r row) draw(ctx context.Context, s *server, over span, dir string) error {
	columns := columns(len(r.panels))
	lines := (len(r.panels) + columns - 1) / columns
	grid := make([][]*plot.Plot, lines)
	for i := range grid {
		grid[i] = make([]*plot.Plot, columns)
	}
	for i, p := range r.panels {
		graph, err := p.plot(ctx, s, over)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Title, err)
		}
		grid[i/columns][i%columns] = graph
	}
	width, height := vg.Length(columns)*panelWidth, vg.Length(lines)*panelHeight
	picture := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(resolution), vgimg.UseBackgroundColor(color.White))
	tiles := draw.Tiles{
		Rows: lines, Cols: columns,
		PadX: 8 * vg.Millimeter, PadY: 8 * vg.Millimeter,
		PadTop: 4 * vg.Millimeter, PadBottom: 3 * vg.Millimeter, PadLeft: 3 * vg.Millimeter, PadRight: 5 * vg.Millimeter,
	}
	canvases := plot.Align(grid, tiles, draw.New(picture))
	for i, line := range grid {
		for j, graph := range line {
			if graph != nil {
				graph.Draw(canvases[i][j])
			}
		}
	}
	return write(vgimg.PngCanvas{Canvas: picture}, filepath.Join(dir, fileName(r.title)))
}

// columns returns the number of columns for a row of so many panels.
func columns(panels int) int {
	if panels == 4 {
		return 2
	}
	return min(panels, mostColumns)
}

func write(picture vgimg.PngCanvas, path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := picture.WriteTo(file); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// fileName returns the file name of a row's picture.
func fileName(title string) string {
	return "dashboard-" + strings.ReplaceAll(strings.ToLower(title), " ", "-") + ".png"
}

// plot draws one panel. A panel without data is an error.
func (p panel) plot(ctx context.Context, s *server, over span) (*plot.Plot, error) {
	graph := plot.New()
	for _, f := range []*font.Font{
		&graph.Title.TextStyle.Font, &graph.X.Label.TextStyle.Font, &graph.Legend.TextStyle.Font,
		&graph.X.Tick.Label.Font, &graph.Y.Tick.Label.Font,
	} {
		f.Variant, f.Size = "Sans", 8
	}
	graph.Title.Text = p.Title
	graph.Title.TextStyle.Font.Size = 11
	graph.Title.Padding = 2 * vg.Millimeter
	graph.X.Label.Text = "seconds"
	graph.X.Tick.Marker = unitTicks{}
	graph.Y.Tick.Marker = unitTicks{p.FieldConfig.Defaults.Unit}
	graph.Legend.Top, graph.Legend.Left = true, true
	graph.Legend.Padding = vg.Points(2)
	graph.Add(grid())

	drawn := 0
	for _, t := range p.Targets {
		found, err := s.queryRange(ctx, t.query(), over)
		if err != nil {
			return nil, err
		}
		for _, line := range found {
			xys := points(line, over)
			if len(xys) == 0 {
				continue
			}
			curve, err := plotter.NewLine(xys)
			if err != nil {
				return nil, err
			}
			curve.Color = palette()[drawn%len(palette())]
			curve.Width = vg.Points(1.2)
			graph.Add(curve)
			graph.Legend.Add(t.legend(line.Metric), curve)
			drawn++
		}
	}
	if drawn == 0 {
		return nil, fmt.Errorf("no data")
	}
	graph.X.Min, graph.X.Max = 0, over.end.Sub(over.begin).Seconds()
	graph.Y.Min, graph.Y.Max = 0, top(graph.Y.Max, drawn)
	return graph, nil
}

// top returns the end of the Y axis: above the highest point there is room for the legend.
func top(highest float64, lines int) float64 {
	if highest <= 0 {
		return 1
	}
	return highest * (1.15 + 0.12*float64(lines))
}

func grid() *plotter.Grid {
	lines := plotter.NewGrid()
	lines.Horizontal.Color, lines.Vertical.Color = color.Gray{0xe6}, color.Gray{0xf2}
	return lines
}

// points returns the finite values of a series, in seconds after the begin.
func points(line *model.SampleStream, over span) plotter.XYs {
	var xys plotter.XYs
	for _, pair := range line.Values {
		if value := float64(pair.Value); !math.IsNaN(value) && !math.IsInf(value, 0) {
			xys = append(xys, plotter.XY{X: pair.Timestamp.Time().Sub(over.begin).Seconds(), Y: value})
		}
	}
	return xys
}
