namespace RpcNet.Testing.FaultProxy;

/// <summary>What a <see cref="UdpFaultProxy"/> has done to the datagrams of one direction so far.</summary>
/// <param name="Received">Datagrams that reached the proxy.</param>
/// <param name="Sent">Datagrams that it sent on, copies included.</param>
/// <param name="SentBytes">Their bytes.</param>
/// <param name="Waiting">Datagrams that wait for their time.</param>
/// <param name="Lost">Datagrams lost by chance.</param>
/// <param name="Blackholed">Datagrams dropped by the blackhole.</param>
/// <param name="RateLimited">Datagrams dropped because the rate limit's queue was full.</param>
/// <param name="Duplicated">Datagrams sent twice.</param>
/// <param name="Reordered">Datagrams held back.</param>
/// <param name="Corrupted">Datagrams with a flipped bit.</param>
/// <param name="Truncated">Datagrams cut short.</param>
/// <param name="Unsendable">Datagrams that the system refused to send, because nobody listens there for instance.</param>
public sealed record UdpFaultStatistics(
    long Received,
    long Sent,
    long SentBytes,
    long Waiting,
    long Lost,
    long Blackholed,
    long RateLimited,
    long Duplicated,
    long Reordered,
    long Corrupted,
    long Truncated,
    long Unsendable);
