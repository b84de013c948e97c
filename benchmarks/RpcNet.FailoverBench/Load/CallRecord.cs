namespace RpcNet.FailoverBench.Load;

internal enum CallKind
{
    Read,
    Write,
    Count,
    Sum,
}

/// <summary>What became of one call.</summary>
/// <param name="Id">Its id in the ledgers.</param>
/// <param name="Kind">Which method.</param>
/// <param name="Due">Seconds from the start of the load to the time at which the call was to be made.</param>
/// <param name="Latency">Milliseconds from then to its end, so that a late start counts.</param>
/// <param name="Fault">Null when it succeeded.</param>
internal sealed record CallRecord(long Id, CallKind Kind, double Due, double Latency, RpcFaultException? Fault);
