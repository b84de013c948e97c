using System.Globalization;

namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>A measured value and what it should be.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">The value.</param>
/// <param name="Unit">Its unit, or empty.</param>
/// <param name="Target">What is aimed at, or null.</param>
public sealed record Figure(string Name, double Value, string Unit, FigureTarget? Target = null)
{
    /// <summary>Whether the target is met; null without one.</summary>
    public bool? IsMet => Target?.Accepts(Value);

    /// <summary>A target: not above.</summary>
    public static FigureTarget AtMost(double limit) => new(double.NegativeInfinity, limit);

    /// <summary>A target: not below.</summary>
    public static FigureTarget AtLeast(double limit) => new(limit, double.PositiveInfinity);
}

/// <summary>A range that a figure should fall into.</summary>
/// <param name="Min">The least accepted value.</param>
/// <param name="Max">The greatest accepted value.</param>
public sealed record FigureTarget(double Min, double Max)
{
    /// <summary>Whether the value is within.</summary>
    public bool Accepts(double value) => value >= Min && value <= Max;

    /// <inheritdoc/>
    public override string ToString() => double.IsNegativeInfinity(Min)
        ? string.Create(CultureInfo.InvariantCulture, $"<= {Max:0.###}")
        : string.Create(CultureInfo.InvariantCulture, $">= {Min:0.###}");
}
