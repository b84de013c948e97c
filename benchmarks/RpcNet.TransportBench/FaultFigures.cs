using System.Globalization;
using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.TransportBench;

/// <summary>
/// How long bulk takes over paths that lose datagrams, beside what the congestion control's formula predicts. Exits with 1 when
/// bytes were lost or changed, or a transfer took longer than it may.
/// </summary>
internal static class FaultFigures
{
    // What an Ethernet path carries, although loopback carries more.
    private const int MaxUdpPayload = 1452;

    // That less what a short header, a packet number, a STREAM frame's head and the AEAD's tag take.
    private const double SegmentPayload = MaxUdpPayload - 1 - 16 - 2 - 11 - 16;

    public const string Usage = """
        faults: transfers over a path with delay and loss, beside the formula
          --cases P:MIB,…     loss in per cent and mebibytes (default 1:64,5:8,10:4)
          --engines A,…       Ngtcp2, SystemNetQuic (default: all that load)
          --controls A,…      cubic, reno, bbr, where the engine can choose (default: all)
          --delay MS          one way (default 20)
          --seed N            of the losses (default 1)
          --limit SECONDS     of one transfer (default 400)
          --one-way           lose nothing that the receiver sends
          --sequential        one transfer after the other, not all of a congestion control at once
        """;

    public static async Task<int> RunAsync(Func<string, string?> option, Func<string, bool> flag)
    {
        var delay = TimeSpan.FromMilliseconds(Parse(option("--delay") ?? "20"));
        var seed = int.Parse(option("--seed") ?? "1", CultureInfo.InvariantCulture);
        var limit = TimeSpan.FromSeconds(Parse(option("--limit") ?? "400"));
        var engines = option("--engines")?.Split(',');
        var controls = option("--controls")?.Split(',');
        var cases = (option("--cases") ?? "1:64,5:8,10:4").Split(',').Select(text => text.Split(':')).Select(
            parts => (Loss: Parse(parts[0]) / 100, MiB: Parse(parts[1]))).ToList();

        Console.WriteLine("| engine | control | loss | MiB | RTT ms | predicted s | measured s | ratio | longest pause ms | sent per byte | intact |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|");
        var good = true;
        foreach (var (engine, control, create) in Subjects())
        {
            if ((engines is not null && !engines.Contains(engine)) || (controls is not null && !controls.Contains(control)))
            {
                continue;
            }

            var running = new List<Task<LossyTransfer.Outcome>>();
            foreach (var (loss, mib) in cases)
            {
                running.Add(LossyTransfer.RunAsync(create, (long)(mib * (1 << 20)), loss, delay, seed, limit, !flag("--one-way")));
                if (flag("--sequential"))
                {
                    await running[^1];
                }
            }

            for (var i = 0; i < cases.Count; i++)
            {
                good &= Print(engine, control, cases[i].Loss, cases[i].MiB, await running[i]);
            }
        }

        return good ? 0 : 1;
    }

    /// <summary>
    /// The mean window in segments of a loss-based control at loss rate <paramref name="loss"/>: sqrt(3/(2p)) for Reno (Mathis et al.,
    /// 1997); for CUBIC the larger of that, its Reno-friendly region, and 1.054 · (RTT/p)^(3/4) (RFC 9438 sections 4.3 and 5.1,
    /// C = 0.4, β = 0.7). Null for BBR, whose rate does not follow from loss.
    /// </summary>
    private static double? Window(string control, double loss, TimeSpan roundTrip) => control switch
    {
        "reno" => Math.Sqrt(1.5 / loss),
        "cubic" => Math.Max(Math.Sqrt(1.5 / loss), 1.054 * Math.Pow(roundTrip.TotalSeconds / loss, 0.75)),
        _ => null,
    };

    private static bool Print(string engine, string control, double loss, double mib, LossyTransfer.Outcome o)
    {
        var predicted = Window(control, loss, o.RoundTrip) is { } window
            ? mib * (1 << 20) / (window * SegmentPayload / o.RoundTrip.TotalSeconds)
            : double.NaN;
        var ratio = o.Elapsed.TotalSeconds / predicted;
        var good = o.Intact && !(ratio > 2);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {engine} | {control} | {loss:P0} | {mib:0.#} | {o.RoundTrip.TotalMilliseconds:F1} | {Number(predicted, "F1")} | {o.Elapsed.TotalSeconds:F1} | {Number(ratio, "F2")} | {o.LongestPause.TotalMilliseconds:F0} | {o.Overhead:F2} | {(o.Intact ? "yes" : $"**no**: {o.Failure ?? "bytes differ"}, {o.Received >> 10} KiB")} |"));
        return good;
    }

    private static string Number(double value, string format) => double.IsNaN(value) ? "–" : value.ToString(format, CultureInfo.InvariantCulture);

    private static IEnumerable<(string Engine, string Control, Func<ITransport> Create)> Subjects()
    {
        if (Ngtcp2Transport.UnsupportedReason is { } missing)
        {
            Console.Error.WriteLine($"Ngtcp2: skipped, {missing}");
        }
        else
        {
            foreach (var control in new[] { Ngtcp2CongestionControl.Cubic, Ngtcp2CongestionControl.Reno, Ngtcp2CongestionControl.Bbr })
            {
                yield return ("Ngtcp2", control.ToString().ToLowerInvariant(), () => new Ngtcp2Transport(
                    new() { CongestionControl = control, MaxUdpPayloadSize = MaxUdpPayload }));
            }
        }

        if (SystemNetQuicTransport.UnsupportedReason is { } absent)
        {
            Console.Error.WriteLine($"SystemNetQuic: skipped, {absent}");
        }
        else
        {
            // .NET offers no choice; msquic's default is CUBIC.
            yield return ("SystemNetQuic", "cubic", static () => new SystemNetQuicTransport());
        }
    }

    private static double Parse(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
