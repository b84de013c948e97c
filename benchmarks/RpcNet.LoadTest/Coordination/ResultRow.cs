using RpcNet.LoadTest.Measuring;

namespace RpcNet.LoadTest.Coordination;

/// <summary>One system in one scenario: medians over the rounds. A row of the JSON file, in this order.</summary>
/// <remarks>Of streams, a call is a message. Latencies of streams are 0: they have none.</remarks>
internal sealed record ResultRow
{
    public required string Scenario { get; init; }

    public required string System { get; init; }

    public required string Engine { get; init; }

    public required int Concurrency { get; init; }

    public required int PayloadBytes { get; init; }

    public double CallsPerSecond { get; init; }

    public double P50Us { get; init; }

    public double P99Us { get; init; }

    public double P999Us { get; init; }

    public double ClientBytesPerCall { get; init; }

    public double ServerBytesPerCall { get; init; }

    /// <summary>CPU time of all measured windows together.</summary>
    public double ClientCpuSeconds { get; init; }

    /// <summary>CPU time of all measured windows together.</summary>
    public double ServerCpuSeconds { get; init; }

    /// <summary>The server's resident memory.</summary>
    public double WorkingSetMiB { get; init; }

    public long Errors { get; init; }

    /// <summary>(highest − lowest) / median of the rates.</summary>
    public double SpreadPercent { get; init; }

    public double ClientCpuUsPerCall { get; init; }

    public double ServerCpuUsPerCall { get; init; }

    /// <summary>Payload of streams, in 10^6 bytes; of mixed scenarios, that of the stream beside the calls.</summary>
    public double MegabytesPerSecond { get; init; }

    /// <summary>The growth of the server's resident memory for each idle connection.</summary>
    public double BytesPerConnection { get; init; }

    /// <summary>The part of <see cref="BytesPerConnection"/> that is managed.</summary>
    public double HeapBytesPerConnection { get; init; }

    public int Rounds { get; init; }

    /// <summary>The rate relative to grpc's in the same run; 0 where grpc has none.</summary>
    public double RatioToGrpc { get; init; }

    /// <summary>Why there is no result, or the first error.</summary>
    public string? Note { get; init; }

    /// <summary>Condenses the rounds of windows.</summary>
    public ResultRow With(Scenario scenario, IReadOnlyList<PairResult> windows)
    {
        var isStream = scenario.IsStream;
        var streamBytes = scenario.Kind == WorkKind.UnaryBesideStream ? Coordination.Scenario.BulkMessageBytes : scenario.PayloadBytes;
        double Count(PairResult w) => Math.Max(1, isStream ? w.Client.Items : w.Client.Calls);
        double Rate(PairResult w) => (isStream ? w.Client.Items : w.Client.Calls) / w.Client.Seconds;
        double Median(Func<PairResult, double> value) => Medians.Of(windows.Select(value));
        double ClientCpu(PairResult w) => w.Client.After.CpuSeconds - w.Client.Before.CpuSeconds;
        double ServerCpu(PairResult w) => w.ServerAfter.CpuSeconds - w.ServerBefore.CpuSeconds;
        var rate = Median(Rate);
        return this with
        {
            CallsPerSecond = rate,
            P50Us = Median(w => w.Client.P50Us),
            P99Us = Median(w => w.Client.P99Us),
            P999Us = Median(w => w.Client.P999Us),
            ClientBytesPerCall = Median(w => (w.Client.After.AllocatedBytes - w.Client.Before.AllocatedBytes) / Count(w)),
            ServerBytesPerCall = Median(w => (w.ServerAfter.AllocatedBytes - w.ServerBefore.AllocatedBytes) / Count(w)),
            ClientCpuSeconds = windows.Sum(ClientCpu),
            ServerCpuSeconds = windows.Sum(ServerCpu),
            ClientCpuUsPerCall = Median(w => ClientCpu(w) / Count(w) * 1e6),
            ServerCpuUsPerCall = Median(w => ServerCpu(w) / Count(w) * 1e6),
            WorkingSetMiB = Median(w => w.ServerAfter.WorkingSetBytes / (1024.0 * 1024)),
            MegabytesPerSecond = Median(w => w.Client.Items / w.Client.Seconds * streamBytes / 1e6),
            SpreadPercent = rate == 0 ? 0 : (windows.Max(Rate) - windows.Min(Rate)) / rate * 100,
            Errors = windows.Sum(static w => w.Client.Errors) + windows.Count(w => Rate(w) == 0),
            Rounds = windows.Count,
            Note = windows.Select(static w => w.Client.FirstError).FirstOrDefault(static e => e is not null)
                ?? (windows.Any(w => Rate(w) == 0) ? "a window in which nothing completed" : null),
        };
    }

    /// <summary>Condenses idle connections.</summary>
    public ResultRow With(IdleResult idle) => this with
    {
        CallsPerSecond = idle.Connections / idle.Seconds,
        WorkingSetMiB = idle.With.WorkingSetBytes / (1024.0 * 1024),
        BytesPerConnection = (double)(idle.With.WorkingSetBytes - idle.Before.WorkingSetBytes) / idle.Connections,
        HeapBytesPerConnection = (double)(idle.With.HeapBytes - idle.Before.HeapBytes) / idle.Connections,
        ServerCpuSeconds = idle.With.CpuSeconds - idle.Before.CpuSeconds,
        Rounds = 1,
    };
}
