using RpcNet.Cluster.Swim;
using RpcNet.Testing.Simulation;

namespace RpcNet.Cluster.Tests.Simulation;

/// <summary>The checkers are worth something only if they find a broken protocol: each mutant breaks one rule and must be caught.</summary>
public class MutantTests
{
    private const int MaxSeeds = 40;

    public static TheoryData<string> Names => [.. Mutants.Keys];

    private static Dictionary<string, SwimRules> Mutants { get; } = new()
    {
        ["alive at an equal incarnation revives"] = new EqualRevives(),
        ["alive revives who left"] = new LeftRevives(),
        ["accusations of old incarnations count"] = new OldAccusationsCount(),
        ["accusations are not refuted"] = new NeverRefutes(),
        ["refutations keep the incarnation"] = new RefutesWithoutRaising(),
        ["tags change under one incarnation"] = new TagsWithoutRaising(),
        ["the accuser raises the victim's incarnation"] = new AccuserRaises(),
        ["news is not passed on"] = new KeepsNews(),
        ["a restart does not end the old life"] = new OldLifeLingers(),
        ["suspicions never expire"] = new EternalSuspicion(),
        ["dead members are forgotten at once"] = new ForgetsTheDead(),
        ["news is sent for ever"] = new NeverStops(),
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void Sweep_WithABrokenRule_IsCaught(string mutant)
    {
        for (var seed = 1; seed <= MaxSeeds; seed++)
        {
            var result = FaultSweep.Run(seed, 4000, Mutants[mutant]);
            if (result.Violations.Count > 0)
            {
                return;
            }
        }

        Assert.Fail($"{MaxSeeds} seeds did not catch: {mutant}");
    }

    private sealed class EqualRevives : SwimRules
    {
        public override bool AliveSupersedes(MemberEntry entry, ulong incarnation) =>
            entry.State != MemberState.Left && entry.State != MemberState.Alive && incarnation >= entry.Incarnation;
    }

    private sealed class LeftRevives : SwimRules
    {
        public override bool AliveSupersedes(MemberEntry entry, ulong incarnation) =>
            incarnation > entry.Incarnation || (entry.State == MemberState.Left && incarnation == entry.Incarnation);
    }

    private sealed class OldAccusationsCount : SwimRules
    {
        public override bool AccusationApplies(MemberEntry entry, ulong incarnation) => true;
    }

    private sealed class NeverRefutes : SwimRules
    {
        public override bool CallsForRefutation(ulong own, ulong accused) => false;
    }

    private sealed class RefutesWithoutRaising : SwimRules
    {
        public override ulong RefutingIncarnation(ulong own, ulong accused) => own;
    }

    private sealed class TagsWithoutRaising : SwimRules
    {
        public override ulong IncarnationForTags(ulong own) => own;
    }

    private sealed class AccuserRaises : SwimRules
    {
        public override ulong AccusedIncarnation(MemberEntry entry) => entry.Incarnation + 1;
    }

    private sealed class KeepsNews : SwimRules
    {
        public override bool PassesOn(MemberUpdate update) => false;
    }

    private sealed class OldLifeLingers : SwimRules
    {
        public override bool RestartEndsOldLife => false;
    }

    private sealed class EternalSuspicion : SwimRules
    {
        public override bool SuspicionExpires => false;
    }

    private sealed class ForgetsTheDead : SwimRules
    {
        public override bool KeepsDeadMembers => false;
    }

    private sealed class NeverStops : SwimRules
    {
        public override bool LimitsRetransmits => false;
    }
}
