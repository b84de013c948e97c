namespace RpcNet.Hosting;

/// <summary>Which QUIC engine to use.</summary>
public enum RpcTransportEngine
{
    /// <summary>The first that can load: System.Net.Quic, then ngtcp2.</summary>
    Auto,

    /// <summary>System.Net.Quic over msquic.</summary>
    SystemNetQuic,

    /// <summary>libngtcp2 with GnuTLS; Linux only.</summary>
    Ngtcp2,
}

/// <summary>The QUIC engine and its connections. Configuration section <c>RpcNet:Transport</c>.</summary>
public sealed class RpcNetTransportOptions
{
    /// <summary>The engine.</summary>
    /// <value>Auto (default), SystemNetQuic or Ngtcp2.</value>
    public RpcTransportEngine Engine { get; set; }

    /// <summary>The interval of keep-alives on a silent connection.</summary>
    /// <value>50 ms … 10 min and shorter than <see cref="IdleTimeout"/>; default 1 s.</value>
    public TimeSpan KeepAliveInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Silence after which a connection is dead; the smaller of both sides' values counts.</summary>
    /// <value>100 ms … 1 h; default 2.5 s.</value>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(2.5);

    /// <summary>The time within which a handshake must complete on the server's side.</summary>
    /// <value>100 ms … 5 min; default 10 s.</value>
    public TimeSpan HandshakeTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Bytes that a peer may send on one stream ahead of this side's reading.</summary>
    /// <value>16,384 … 1,073,741,824; default 1,048,576.</value>
    public int StreamReceiveWindow { get; set; } = 1 << 20;

    /// <summary>Bytes that a peer may send on all streams of a connection ahead of this side's reading.</summary>
    /// <value>16,384 … 2,147,483,647 and at least <see cref="StreamReceiveWindow"/>; default 16,777,216.</value>
    public int ConnectionReceiveWindow { get; set; } = 16 << 20;

    /// <summary>What only the ngtcp2 engine can do.</summary>
    public RpcNetNgtcp2Options Ngtcp2 { get; set; } = new();
}
