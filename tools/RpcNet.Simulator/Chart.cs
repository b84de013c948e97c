using System.Globalization;
using System.Text;

namespace RpcNet.Simulator;

/// <summary>A line of a <see cref="Chart"/>.</summary>
internal sealed record Series(string Name, (double X, double Y)[] Points);

/// <summary>A line chart: the number of nodes to the right, in powers of two, the figure upwards from zero.</summary>
internal sealed record Chart(string Title, string Note, string Unit, Series[] Series)
{
    private const double Left = 64;
    private const double Top = 56;
    private const double Width = 520;
    private const double Height = 260;

    private static readonly string[] Colours = ["#1f6fb2", "#c2571a", "#3b8f4f"];

    public string ToSvg()
    {
        var all = Series.SelectMany(static s => s.Points).ToArray();
        var (first, last) = (Math.Log2(all.Min(static p => p.X)), Math.Log2(all.Max(static p => p.X)));
        var step = StepFor(all.Max(static p => p.Y));
        var top = Math.Ceiling(all.Max(static p => p.Y) / step) * step;
        var svg = new StringBuilder();
        Add(svg, $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 372" font-family="sans-serif" font-size="12">""");
        Add(svg, $"""<rect width="760" height="372" fill="#ffffff"/>""");
        Add(svg, $"""<text x="{Left}" y="24" font-size="16" fill="#222">{Title}</text>""");
        Add(svg, $"""<text x="{Left}" y="42" fill="#666">{Note}</text>""");
        for (var value = 0.0; value <= top + (step / 2); value += step)
        {
            Add(svg, $"""<line x1="{Left}" x2="{Left + Width}" y1="{Y(value):0.#}" y2="{Y(value):0.#}" stroke="#ddd"/>""");
            Add(svg, $"""<text x="{Left - 8}" y="{Y(value) + 4:0.#}" text-anchor="end" fill="#444">{value:0.##}</text>""");
        }

        foreach (var nodes in all.Select(static p => p.X).Distinct())
        {
            Add(svg, $"""<text x="{X(nodes):0.#}" y="{Top + Height + 18}" text-anchor="middle" fill="#444">{nodes:0}</text>""");
        }

        Add(svg, $"""<text x="{Left + (Width / 2)}" y="{Top + Height + 38}" text-anchor="middle" fill="#444">nodes</text>""");
        Add(svg, $"""<text x="16" y="{Top + (Height / 2)}" text-anchor="middle" fill="#444" transform="rotate(-90 16 {Top + (Height / 2)})">{Unit}</text>""");
        for (var i = 0; i < Series.Length; i++)
        {
            var series = Series[i];
            var path = string.Join(' ', series.Points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{X(p.X):0.#},{Y(p.Y):0.#}")));
            Add(svg, $"""<polyline points="{path}" fill="none" stroke="{Colours[i]}" stroke-width="2"/>""");
            foreach (var (x, y) in series.Points)
            {
                Add(svg, $"""<circle cx="{X(x):0.#}" cy="{Y(y):0.#}" r="3" fill="{Colours[i]}"/>""");
            }

            Add(svg, $"""<rect x="{Left + Width + 20}" y="{Top + (22 * i)}" width="12" height="12" fill="{Colours[i]}"/>""");
            Add(svg, $"""<text x="{Left + Width + 38}" y="{Top + 10 + (22 * i)}" fill="#222">{series.Name}</text>""");
        }

        return svg.Append("</svg>\n").ToString();

        double X(double nodes) => Left + (Width * (first == last ? 0.5 : (Math.Log2(nodes) - first) / (last - first)));

        double Y(double value) => Top + (Height * (1 - (value / top)));
    }

    private static void Add(StringBuilder svg, FormattableString line) => svg.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    /// <summary>1, 2 or 5 times a power of ten, so that about five lines fit below the greatest value.</summary>
    private static double StepFor(double most)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(most / 5)));
        return new[] { 1, 2, 5, 10 }.Select(f => f * power).First(s => most / s <= 6);
    }
}
