namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>Checks the seam's options against their documented ranges.</summary>
internal static class ConnectionOptionsValidation
{
    public static void Validate(TransportConnectionOptions options)
    {
        Require(options.ApplicationProtocols.Count > 0, nameof(options.ApplicationProtocols), "must name at least one protocol");
        Require(
            options.IdleTimeout == Timeout.InfiniteTimeSpan || options.IdleTimeout >= TimeSpan.FromMilliseconds(100),
            nameof(options.IdleTimeout), "must be at least 100 ms, or infinite");
        Require(
            options.KeepAliveInterval == Timeout.InfiniteTimeSpan
                || (options.KeepAliveInterval > TimeSpan.Zero
                    && (options.IdleTimeout == Timeout.InfiniteTimeSpan || options.KeepAliveInterval < options.IdleTimeout)),
            nameof(options.KeepAliveInterval), "must be positive and shorter than IdleTimeout, or infinite");
        Require(
            options.HandshakeTimeout == Timeout.InfiniteTimeSpan || options.HandshakeTimeout > TimeSpan.Zero,
            nameof(options.HandshakeTimeout), "must be positive, or infinite");
        Require(
            options.MaxInboundBidirectionalStreams is >= 0 and <= 65535,
            nameof(options.MaxInboundBidirectionalStreams), "must be 0 to 65,535");
        Require(
            options.MaxInboundUnidirectionalStreams is >= 0 and <= 65535,
            nameof(options.MaxInboundUnidirectionalStreams), "must be 0 to 65,535");
        Require(
            options.StreamReceiveWindow is >= 16 << 10 and <= 1 << 30,
            nameof(options.StreamReceiveWindow), "must be 16 KiB to 1 GiB");
        Require(
            options.ConnectionReceiveWindow >= options.StreamReceiveWindow,
            nameof(options.ConnectionReceiveWindow), "must be at least StreamReceiveWindow");
    }

    private static void Require(bool condition, string name, string message)
    {
        if (!condition)
        {
            throw new ArgumentException($"{name} {message}.", name);
        }
    }
}
