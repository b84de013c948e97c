namespace RpcNet.Cluster.Swim;

/// <summary>
/// The protocol's decisions, apart from its book-keeping: which news beats which, and the formulas. Virtual so that the tests of
/// the invariant checkers can break one rule at a time.
/// </summary>
internal class SwimRules
{
    public static SwimRules Default { get; } = new();

    /// <summary>Whether Alive changes a row of the same generation: only a higher incarnation does, and nothing revives who left.</summary>
    public virtual bool AliveSupersedes(MemberEntry entry, ulong incarnation) =>
        entry.State != MemberState.Left && incarnation > entry.Incarnation;

    /// <summary>Whether Suspect or Failed applies to a row of the same generation: not below the incarnation that is known.</summary>
    public virtual bool AccusationApplies(MemberEntry entry, ulong incarnation) => incarnation >= entry.Incarnation;

    /// <summary>Whether an accusation of the local node calls for a refutation.</summary>
    public virtual bool CallsForRefutation(ulong own, ulong accused) => accused >= own;

    /// <summary>The incarnation that refutes.</summary>
    public virtual ulong RefutingIncarnation(ulong own, ulong accused) => Math.Max(own, accused) + 1;

    /// <summary>The incarnation under which new tags are published.</summary>
    public virtual ulong IncarnationForTags(ulong own) => own + 1;

    /// <summary>The incarnation that an accuser names: the one that it knows, never one of its own making.</summary>
    public virtual ulong AccusedIncarnation(MemberEntry entry) => entry.Incarnation;

    /// <summary>Whether news that changed the local table is passed on.</summary>
    public virtual bool PassesOn(MemberUpdate update) => true;

    /// <summary>Whether a higher generation ends the old life before the new one begins.</summary>
    public virtual bool RestartEndsOldLife => true;

    /// <summary>Whether a suspicion whose time ran out becomes a failure.</summary>
    public virtual bool SuspicionExpires => true;

    /// <summary>Whether dead rows are kept against late news.</summary>
    public virtual bool KeepsDeadMembers => true;

    /// <summary>Whether news that was sent often enough is dropped from the queue.</summary>
    public virtual bool LimitsRetransmits => true;

    /// <summary>How often a node sends one piece of news: mult · ceil(log10(N + 1)).</summary>
    public int RetransmitLimit(int multiplier, int members) =>
        LimitsRetransmits ? multiplier * (int)Math.Ceiling(Math.Log10(members + 1)) : int.MaxValue;

    /// <summary>min = mult · max(1, log10 N) · ProbeInterval.</summary>
    public TimeSpan MinSuspicion(int multiplier, int members, TimeSpan probeInterval) =>
        multiplier * Math.Max(1, Math.Log10(members)) * probeInterval;

    /// <summary>How many confirmations bring the timeout down to its minimum: mult − 2, or 0 when so few others could confirm.</summary>
    public int ExpectedConfirmations(int multiplier, int members)
    {
        var k = Math.Max(0, multiplier - 2);
        return members - 2 < k ? 0 : k;
    }

    /// <summary>
    /// Lifeguard's decay: max(min, max − (max − min) · ln(C + 1) / ln(k + 1)) with C confirmations besides the originator's, and
    /// min when k = 0.
    /// </summary>
    public virtual TimeSpan SuspicionTimeout(TimeSpan min, TimeSpan max, int confirmations, int expected)
    {
        if (expected == 0)
        {
            return min;
        }

        var timeout = max - ((max - min) * (Math.Log(confirmations + 1) / Math.Log(expected + 1)));
        return timeout < min ? min : timeout;
    }
}
