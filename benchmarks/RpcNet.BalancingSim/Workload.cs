namespace RpcNet.BalancingSim;

/// <summary>Ten workers and what calls do there.</summary>
/// <param name="Name">The name in the reports.</param>
/// <param name="Service">Draws the time that a call needs at a worker.</param>
/// <param name="Places">How many calls a worker runs at a time; further ones queue.</param>
/// <param name="FailureShare">The share of calls that a worker fails, quickly.</param>
/// <param name="CallsPerSecond">All calls of all clients.</param>
internal sealed record Workload(
    string Name,
    Func<Random, int, double> Service,
    Func<int, int> Places,
    Func<int, double> FailureShare,
    double CallsPerSecond)
{
    public const int Workers = 10;

    /// <summary>The one that differs, where one does.</summary>
    public const int Odd = 3;

    public static Workload Uniform { get; } =
        new("uniform", static (r, _) => Exponential(r, 0.010), static _ => 8, static _ => 0, 5_000);

    public static Workload OneSlow { get; } =
        new("one worker 20x slow", static (r, w) => Exponential(r, w == Odd ? 0.200 : 0.010), static _ => 8, static _ => 0, 5_000);

    /// <summary>The arrival rates load the healthy workers to 60 … 70 %.</summary>
    public static IReadOnlyList<Workload> All { get; } =
    [
        Uniform,
        new("mixed 10/100/1000 ms", static (r, _) => r.NextDouble() switch { < 0.90 => 0.010, < 0.99 => 0.100, _ => 1.000 }, static _ => 8, static _ => 0, 1_900),
        OneSlow,
        new("capacities 1:2:4", static (r, _) => Exponential(r, 0.010), static w => Capacity(w) * 4, static _ => 0, 6_000),
        new("one worker fails 10 %", static (r, _) => Exponential(r, 0.010), static _ => 8, static w => w == Odd ? 0.10 : 0, 5_000),
    ];

    public static int Capacity(int worker) => worker < 4 ? 1 : worker < 8 ? 2 : 4;

    public bool HasCapacities => Name.StartsWith("capacities", StringComparison.Ordinal);

    public bool HasOdd => Name.StartsWith("one ", StringComparison.Ordinal);

    private static double Exponential(Random random, double mean) => -mean * Math.Log(1 - random.NextDouble());
}
