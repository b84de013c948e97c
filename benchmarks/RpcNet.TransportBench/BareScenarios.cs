using System.Diagnostics;
using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.TransportBench;

/// <summary>The engine beside a bare loop of the same shape, in rounds that take turns.</summary>
internal static class BareScenarios
{
    private static readonly TimeSpan s_warmUp = TimeSpan.FromMilliseconds(300);

    // Both with the same largest packet: what the engine chooses by itself may depend on the path.
    private static readonly Engine s_engine = new(
        "Ngtcp2", Ngtcp2Transport.LibraryVersion, Ngtcp2Transport.UnsupportedReason,
        () => new Ngtcp2Transport(new Ngtcp2TransportOptions { MaxUdpPayloadSize = 1452 }));

    public static async Task RunAsync(int rounds, TimeSpan time, Func<string, bool> wanted)
    {
        if (s_engine.Reason is { } reason)
        {
            Console.WriteLine($"{s_engine.Name}: skipped, {reason}");
            return;
        }

        Console.WriteLine($"{s_engine.Name} {s_engine.Version} beside a bare libngtcp2 loop:");
        var scenarios = Scenarios.All().ToDictionary(static s => s.Name, static s => s.Run);
        foreach (var name in new[] { "frames-64-inline", "frames-64" }.Where(wanted))
        {
            await Comparison.RunAsync(
                name, rounds, time, t => scenarios[name](s_engine, t), t => MeasureAsync(BareRole.Frames, BareRole.Echo, 64, t));
        }

        foreach (var name in new[] { "bulk-inline", "bulk" }.Where(wanted))
        {
            await Comparison.RunAsync(
                name, rounds, time, t => scenarios[name](s_engine, t), t => MeasureAsync(BareRole.Send, BareRole.Count, 0, t));
        }
    }

    private static async Task<Result> MeasureAsync(BareRole client, BareRole server, int inFlight, TimeSpan time)
    {
        var options = Scenarios.IdleOptions();
        using var there = BareEnd.Listen(server, options.Listener);
        using var here = BareEnd.Connect(client, inFlight, options.Connect(there.EndPoint));
        while (there.Received == 0)
        {
            await Task.Delay(1);
        }

        await Task.Delay(s_warmUp);
        var bulk = client == BareRole.Send;
        long Count() => bulk ? there.Received : here.Frames;
        var before = Count();
        var start = Stopwatch.GetTimestamp();
        await Task.Delay(time);
        var rate = (Count() - before) / Stopwatch.GetElapsedTime(start).TotalSeconds;
        return bulk ? new Result(rate / 1e6, "MB/s", 0, 0) : new Result(rate, "frames/s", 0, 0);
    }
}
