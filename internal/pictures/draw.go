// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// The pictures are as wide as a page of documentation, at twice its resolution.
const (
	mostColumns = 3
	panelWidth  = 4.2 * vg.Inch
	panelHeight = 2.7 * vg.Inch
	resolution  = 150
)

// palette returns colours that can be told apart by those who do not see all of
// them (Okabe and Ito).
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

// draw writes the row's picture, named after the row, into a directory.
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

// columns returns how many of a row's panels stand beside each other.
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

// fileName names a row's picture.
func fileName(title string) string {
	return "dashboard-" + strings.ReplaceAll(strings.ToLower(title), " ", "-") + ".png"
}

// plot draws one panel. A panel without data is an error: its picture would say
// nothing.
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
			points := line.points(over)
			if len(points) == 0 {
				continue
			}
			curve, err := plotter.NewLine(points)
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

// top leaves room above the highest point for a legend of so many lines.
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

// points returns what can be drawn of a series, in seconds after the begin.
func (s series) points(over span) plotter.XYs {
	var points plotter.XYs
	for _, pair := range s.Values {
		at, _ := pair[0].(float64)
		text, _ := pair[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
			continue
		}
		points = append(points, plotter.XY{X: at - float64(over.begin.UnixMilli())/1e3, Y: value})
	}
	return points
}
