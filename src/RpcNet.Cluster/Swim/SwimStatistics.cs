namespace RpcNet.Cluster.Swim;

/// <summary>Counters of one state machine.</summary>
internal sealed class SwimStatistics
{
    public long ProbesStarted;
    public long ProbesFailed;
    public long SuspicionsOriginated;
    public long PhiSuspicions;
    public long Refutations;
    public long FailuresDeclared;
    public long Pauses;
    public long ForeignMessages;
    public long MembersIgnored;
    public long SyncsStarted;
    public long SyncRowsSent;
    public long Quarantines;
}
