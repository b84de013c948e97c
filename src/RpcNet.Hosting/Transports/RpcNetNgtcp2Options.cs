using RpcNet.Hosting.Configuration;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Hosting;

/// <summary>
/// What only the ngtcp2 engine can do; where another engine is in use, a value other than the default is an error at start.
/// Configuration section <c>RpcNet:Transport:Ngtcp2</c>.
/// </summary>
public sealed class RpcNetNgtcp2Options
{
    /// <summary>The congestion control of every connection.</summary>
    /// <value>Auto (default), Cubic, Reno or Bbr.</value>
    public Ngtcp2CongestionControl CongestionControl { get; set; }

    /// <summary>When clients must prove their address by answering a Retry, which costs one round trip.</summary>
    /// <value>UnderLoad (default), Always (unless the client brings a token from an earlier connection) or Never.</value>
    public Ngtcp2RetryPolicy Retry { get; set; }

    /// <summary>I/O threads of the listener, and again of all outgoing connections together.</summary>
    /// <value>1 … 64; default 1.</value>
    [AllowedRange(1, 64)]
    public int IoThreads { get; set; } = 1;

    /// <summary>
    /// How long an I/O thread goes on looking for packets after it had some, before it sleeps; it yields the processor to every
    /// thread that wants it meanwhile. Longer saves wake-ups and so latency, at the price of a processor that idles less.
    /// </summary>
    /// <value>0 … 1 ms; default 50 µs.</value>
    [AllowedRange("00:00:00", "00:00:00.001")]
    public TimeSpan BusyPoll { get; set; } = TimeSpan.FromMicroseconds(50);

    /// <summary>Whether the listener gives out session tickets, with which a client's next handshake needs no certificates.</summary>
    /// <value>true or false; default true.</value>
    public bool SessionTickets { get; set; } = true;

    /// <summary>
    /// Whether the listener takes calls as early data (0-RTT) from resumed clients that send them: those of methods marked
    /// Replayable, which may be replayed.
    /// </summary>
    /// <value>true or false, and true only with <see cref="SessionTickets"/>; default false.</value>
    public bool AcceptEarlyData { get; set; }

    /// <summary>Bytes that a connection sends before both sides renew their keys; 0 leaves it to the cipher's limit.</summary>
    /// <value>0 … 2,147,483,647 and, unless 0, at least 65,536; default 0.</value>
    [AllowedRange(0, int.MaxValue)]
    public int KeyUpdateBytes { get; set; }

    /// <summary>Names and values of those that are not the default, by which an engine that cannot do them is refused.</summary>
    internal IEnumerable<string> Chosen()
    {
        var defaults = new RpcNetNgtcp2Options();
        if (CongestionControl != defaults.CongestionControl)
        {
            yield return $"{nameof(CongestionControl)} = '{CongestionControl}'";
        }

        if (Retry != defaults.Retry)
        {
            yield return $"{nameof(Retry)} = '{Retry}'";
        }

        if (IoThreads != defaults.IoThreads)
        {
            yield return $"{nameof(IoThreads)} = '{IoThreads}'";
        }

        if (BusyPoll != defaults.BusyPoll)
        {
            yield return $"{nameof(BusyPoll)} = '{BusyPoll}'";
        }

        if (SessionTickets != defaults.SessionTickets)
        {
            yield return $"{nameof(SessionTickets)} = '{SessionTickets}'";
        }

        if (AcceptEarlyData != defaults.AcceptEarlyData)
        {
            yield return $"{nameof(AcceptEarlyData)} = '{AcceptEarlyData}'";
        }

        if (KeyUpdateBytes != defaults.KeyUpdateBytes)
        {
            yield return $"{nameof(KeyUpdateBytes)} = '{KeyUpdateBytes}'";
        }
    }

    /// <param name="secretKey">The secret behind stateless resets; empty for a random one.</param>
    internal Ngtcp2TransportOptions ToEngine(ReadOnlyMemory<byte> secretKey) => new()
    {
        CongestionControl = CongestionControl,
        Retry = Retry,
        IoThreads = IoThreads,
        BusyPoll = BusyPoll,
        SessionTickets = SessionTickets,
        AcceptEarlyData = AcceptEarlyData,
        KeyUpdateBytes = KeyUpdateBytes,
        SecretKey = secretKey,
    };
}
