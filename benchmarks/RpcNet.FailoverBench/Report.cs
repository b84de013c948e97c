using System.Globalization;
using System.Text.Json;
using RpcNet.FailoverBench.Load;

namespace RpcNet.FailoverBench;

/// <summary>A promise of the documentation and whether the run kept it.</summary>
internal sealed record Promise(string Text, bool Kept);

/// <summary>The figures of a run.</summary>
internal sealed class Report
{
    private const double DuringSeconds = 2;

    private readonly List<Promise> _promises = [];

    public Report(
        Settings settings,
        IReadOnlyCollection<CallRecord> calls,
        IReadOnlyDictionary<long, int> ledger,
        IReadOnlyList<double> disturbances,
        RetryMeter meter)
    {
        Scenario = settings.Scenario;
        Workers = settings.Workers;
        Disturbances = disturbances.Count;
        Calls = calls.Count;
        Streams = calls.Count(static c => c.Kind is CallKind.Count or CallKind.Sum);
        var failed = calls.Where(static c => c.Fault is not null).ToList();
        FailedIdempotent = failed.Count(static c => c.Kind is CallKind.Read);
        FailedOther = failed.Count(static c => c.Kind is CallKind.Write);
        FailedStreams = failed.Count(static c => c.Kind is CallKind.Count or CallKind.Sum);
        Failures = [.. failed.OrderBy(static c => c.Due).Select(static c => string.Create(
            CultureInfo.InvariantCulture,
            $"{c.Due:0.000} s {c.Kind} {c.Id}: {c.Fault!.Status}, {(c.Fault.MayHaveExecuted ? "may have run" : "did not run")}: {c.Fault.Message}"))];
        var unary = calls.Where(static c => c.Kind is CallKind.Read or CallKind.Write).ToList();
        (P50, P99, P999, Max) = Percentiles(unary);
        var during = unary.Where(c => disturbances.Any(d => c.Due >= d && c.Due < d + DuringSeconds)).ToList();
        CallsDuring = during.Count;
        (P50During, P99During, P999During, MaxDuring) = Percentiles(during);
        RanTwice = calls.Count(c => c.Kind is CallKind.Write or CallKind.Sum && ledger.GetValueOrDefault(c.Id) > 1);
        Contradictions = calls.Count(c => c.Fault switch
        {
            null => ledger.GetValueOrDefault(c.Id) == 0,
            { MayHaveExecuted: false } => ledger.GetValueOrDefault(c.Id) > 0,
            _ => false,
        });
        Executions = ledger.Values.Sum();
        Retries = meter["rpcnet.client.retries"];
        Failovers = meter["rpcnet.client.failovers"];
        Hedges = meter["rpcnet.client.hedges"];
        RetriesRefused = meter["rpcnet.client.retries_refused"];
        Amplification = (calls.Count + Retries + Failovers + Hedges) / (double)calls.Count;
        UnprovenFailures = failed.Count(static c => c.Fault is not { Status: RpcStatusCode.Unavailable, MayHaveExecuted: true });
    }

    public string Scenario { get; }

    public int Workers { get; }

    public int Disturbances { get; }

    public int Calls { get; }

    public int Streams { get; }

    public int FailedIdempotent { get; }

    public int FailedOther { get; }

    public int FailedStreams { get; }

    public IReadOnlyList<string> Failures { get; }

    public double P50 { get; }

    public double P99 { get; }

    public double P999 { get; }

    public double Max { get; }

    /// <summary>Unary calls that were due within two seconds after a disturbance.</summary>
    public int CallsDuring { get; }

    public double P50During { get; }

    public double P99During { get; }

    public double P999During { get; }

    public double MaxDuring { get; }

    /// <summary>Handlers begun, by the ledgers.</summary>
    public int Executions { get; }

    public int RanTwice { get; }

    /// <summary>Calls that succeeded without a line in a ledger, or "did not run" with one.</summary>
    public int Contradictions { get; }

    public long Retries { get; }

    /// <summary>Calls that went on because a worker was not reached.</summary>
    public long Failovers { get; }

    public long Hedges { get; }

    public long RetriesRefused { get; }

    /// <summary>Failures other than "the worker was lost and may have done it".</summary>
    public int UnprovenFailures { get; }

    /// <summary>Attempts for each call made, those included that reached nobody.</summary>
    public double Amplification { get; }

    public IReadOnlyList<Promise> Promises => _promises;

    public void Promise(string text, bool kept) => _promises.Add(new Promise(text, kept));

    /// <summary>Prints the report and writes result.json.</summary>
    /// <returns>The exit code.</returns>
    public int Write(Settings settings)
    {
        Print($"calls                  {Calls}, of them {Streams} streams, {Executions} handlers begun");
        Print($"failed                 {FailedIdempotent} idempotent, {FailedOther} not idempotent, {FailedStreams} streams");
        Print($"latency, all           p50 {P50:0.0} ms, p99 {P99:0.0} ms, p99.9 {P999:0.0} ms, longest {Max:0.0} ms");
        Print($"latency, {DuringSeconds:0} s after each  p50 {P50During:0.0} ms, p99 {P99During:0.0} ms, p99.9 {P999During:0.0} ms, longest {MaxDuring:0.0} ms ({CallsDuring} calls, {Disturbances} disturbances)");
        Print($"attempts               {Amplification:0.000} times a call: {Retries} retries, {Failovers} not reached, {Hedges} hedges, {RetriesRefused} refused by the budget");
        Print($"ledger                 {RanTwice} not idempotent calls ran twice, {Contradictions} contradictions");
        foreach (var failure in Failures.Take(10))
        {
            Print($"  {failure}");
        }

        foreach (var promise in Promises)
        {
            Print($"{(promise.Kept ? "kept  " : "BROKEN")} {promise.Text}");
        }

        var path = Path.Combine(settings.Out, "result.json");
        File.WriteAllText(path, JsonSerializer.Serialize(this, JsonOptions));
        Print($"written: {path}");
        return Promises.All(static p => p.Kept) ? 0 : 1;
    }

    private static JsonSerializerOptions JsonOptions { get; } = new() { WriteIndented = true };

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private static (double P50, double P99, double P999, double Max) Percentiles(List<CallRecord> calls)
    {
        if (calls.Count == 0)
        {
            return default;
        }

        var sorted = calls.ConvertAll(static c => c.Latency);
        sorted.Sort();
        return (At(0.5), At(0.99), At(0.999), sorted[^1]);

        double At(double share) => sorted[(int)(share * (sorted.Count - 1))];
    }
}
