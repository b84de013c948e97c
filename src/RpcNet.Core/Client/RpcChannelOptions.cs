using System.Net;
using System.Net.Security;
using RpcNet.Transports;

namespace RpcNet.Client;

/// <summary>How a channel connects and calls.</summary>
public sealed class RpcChannelOptions
{
    /// <summary>The server: an <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>, resolved at every connect.</summary>
    public required EndPoint EndPoint { get; init; }

    /// <summary>The client's side of TLS.</summary>
    public required TlsClientOptions Tls { get; init; }

    /// <summary>Limits on every connection.</summary>
    public RpcLimits Limits { get; init; } = new();

    /// <summary>Compression of requests, and whether responses may come compressed. Default: none.</summary>
    public RpcCompressionOptions Compression { get; init; } = new();

    /// <summary>Connections that calls are spread over.</summary>
    /// <value>Default 1; 1 … 64.</value>
    public int Connections { get; init; } = 1;

    /// <summary>The time within which a connection must be established.</summary>
    /// <value>Default 5 s; 10 ms … 5 min.</value>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Silence after which a connection is dead.</summary>
    /// <value>Default 2.5 s; at least 100 ms.</value>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(2.5);

    /// <summary>The interval of keep-alives on a silent connection.</summary>
    /// <value>Default 1 s; shorter than <see cref="IdleTimeout"/>.</value>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause between two attempts to connect; the first is a hundredth of it, then doubling, with jitter.</summary>
    /// <value>Default 10 s.</value>
    public TimeSpan MaxReconnectDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Whether calls of methods marked as replayable may travel as early data (0-RTT, RFC 9001 section 4.6), along with the
    /// first packet of a resumed connection: two round trips less for the first call. Anyone who records such a packet may send
    /// it again. Other calls wait for the handshake, and so does what the server does not take.
    /// </summary>
    /// <value>Default false; true needs an engine with <see cref="ITransport.SupportsEarlyData"/>.</value>
    public bool EarlyData { get; init; }

    /// <summary>The deadline of calls that have none otherwise; null leaves them without.</summary>
    public TimeSpan? DefaultTimeout { get; init; }

    /// <summary>The codec of this channel's calls. Default: MessagePack.</summary>
    public IRpcSerializer Serializer { get; init; } = Serialization.MessagePackRpcSerializer.Default;

    /// <summary>Filters around every call, outermost first.</summary>
    public IReadOnlyList<IRpcFilter> Filters { get; init; } = [];

    /// <summary>Services that filters see; null for none.</summary>
    public IServiceProvider? Services { get; init; }
}
