namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// Counts a listener's failed handshakes by the second: whoever makes them fail in numbers shall neither keep the listener busy
/// with signatures nor fill its log. Times are the loop's nanoseconds.
/// </summary>
internal sealed class FailedHandshakes
{
    /// <summary>Failures of one second that are logged one by one.</summary>
    public const int LoggedPerSecond = 20;

    private ulong _second;
    private int _now;
    private int _before;
    private int _unlogged;

    /// <summary>Failures of this second and the one before.</summary>
    public int Recent(ulong now)
    {
        Advance(now);
        return _now + _before;
    }

    /// <summary>Counts one more.</summary>
    /// <param name="now">The time.</param>
    /// <param name="unlogged">How many of earlier seconds were not logged and are to be mentioned now.</param>
    /// <returns>Whether to log this one.</returns>
    public bool Add(ulong now, out int unlogged)
    {
        Advance(now);
        unlogged = _unlogged;
        _unlogged = 0;
        return ++_now <= LoggedPerSecond;
    }

    private void Advance(ulong now)
    {
        var second = now / 1_000_000_000;
        if (second == _second)
        {
            return;
        }

        _unlogged += Math.Max(0, _now - LoggedPerSecond);
        _before = second == _second + 1 ? _now : 0;
        _now = 0;
        _second = second;
    }
}
