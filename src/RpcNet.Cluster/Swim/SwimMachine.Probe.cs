using System.Net;

namespace RpcNet.Cluster.Swim;

/// <summary>Probing: direct, then through helpers, then the verdict.</summary>
internal sealed partial class SwimMachine
{
    private const int MaxUrgentProbes = 64;

    private readonly Dictionary<uint, Probe> _probes = [];
    private readonly Dictionary<uint, Errand> _errands = [];
    private uint _sequence;

    /// <summary>
    /// A hint that a member may be gone, such as a lost connection: it is probed at once. The hint itself proves nothing.
    /// </summary>
    public void Doubt(TimeSpan now, IPEndPoint address)
    {
        if (_phase != Phase.Running)
        {
            return;
        }

        NoticePause(now);
        if (_table.FindLive(address) is { } entry)
        {
            ProbeAtOnce(now, entry);
        }
    }

    /// <summary>ProbeInterval · (1 + local health): a node that doubts itself asks less often and waits longer.</summary>
    private TimeSpan ScaledProbeInterval => (_localHealth + 1) * _options.ProbeInterval;

    private TimeSpan ScaledProbeTimeout => (_localHealth + 1) * _options.ProbeTimeout;

    private void ProbeNext(TimeSpan now)
    {
        _nextProbe = After(_nextProbe, ScaledProbeInterval, now);
        if (_phase == Phase.Running && !IsConflicted && _table.NextProbeTarget() is { } target)
        {
            StartProbe(now, target);
        }

        JudgeHeartbeats(now);
    }

    private void ProbeAtOnce(TimeSpan now, MemberEntry entry)
    {
        if (_probes.Count >= MaxUrgentProbes || IsConflicted)
        {
            return;
        }

        foreach (var running in _probes.Values)
        {
            if (running.Target == entry)
            {
                return;
            }
        }

        StartProbe(now, entry);
    }

    private void StartProbe(TimeSpan now, MemberEntry target)
    {
        Statistics.ProbesStarted++;
        var probe = new Probe(++_sequence, target, target.Generation, now + ScaledProbeInterval);
        _probes.Add(probe.Sequence, probe);
        _timers.Add(now + ScaledProbeTimeout, TimerKind.ProbeTimeout, probe);
        _timers.Add(probe.End, TimerKind.ProbeEnd, probe);
        Send(
            target.Record!.Address,
            New(MessageKind.Ping, probe.Sequence, target.Identity, replyTo: true, updates: NewsFor(target)));
    }

    private void OnPing(TimeSpan now, SwimMessage message)
    {
        if (message.ReplyTo is not { } replyTo)
        {
            return;
        }

        if (message.Target != _local.Identity)
        {
            // Somebody looks for a process that no longer lives here, or for an earlier life of this one.
            if (!IsConflicted)
            {
                Send(replyTo, New(MessageKind.Mismatch, message.Sequence, message.Target, updates: [MemberUpdate.Alive(_local)]));
            }

            return;
        }

        _table.TryGet(message.From.Id, out var sender);
        Send(replyTo, New(MessageKind.Ack, message.Sequence, _local.Identity, updates: NewsFor(sender)));
        if (message.From.Id != _local.Id && (sender is null || sender.Generation < message.From.Generation))
        {
            AskStranger(now, replyTo);
        }
    }

    private void OnAck(TimeSpan now, SwimMessage message)
    {
        if (ConfirmFarewell(message))
        {
            return;
        }

        if (_probes.TryGetValue(message.Sequence, out var probe) && message.Target == new NodeIdentity(probe.Target.Id, probe.Generation))
        {
            // A late or relayed answer says that the target lives; whether the local node is healthy was judged at the timeout.
            _probes.Remove(message.Sequence);
            AdjustHealth(-1);
            _detector.Hear(probe.Target.Id, now);
            return;
        }

        if (_errands.Remove(message.Sequence, out var errand) && message.Target == errand.Target)
        {
            errand.Done = true;
            Send(errand.ReplyTo, New(MessageKind.Ack, errand.Sequence, errand.Target));
            return;
        }

        OnConflictAnswer(now, message);
    }

    private void AskHelpers(TimeSpan now, Probe probe)
    {
        if (!IsPending(probe) || _options.IndirectProbes == 0)
        {
            return;
        }

        _table.PickLive(_options.IndirectProbes, _picked, probe.Target);
        probe.HelpersAsked = _picked.Count;
        foreach (var helper in _picked)
        {
            Send(
                helper.Record!.Address,
                New(
                    MessageKind.PingRequest,
                    probe.Sequence,
                    probe.Target.Identity,
                    probe.Target.Record!.Address,
                    replyTo: true,
                    updates: NewsFor(helper)));
        }

        // The direct way gets a second chance: on a lossy network this is worth as much as one more helper.
        Send(probe.Target.Record!.Address, New(MessageKind.Ping, probe.Sequence, probe.Target.Identity, replyTo: true, updates: NewsFor(probe.Target)));
    }

    private void OnPingRequest(TimeSpan now, SwimMessage message)
    {
        if (message is not { ReplyTo: { } replyTo, TargetAddress: { } address } || IsConflicted)
        {
            return;
        }

        var errand = new Errand(++_sequence, replyTo, message.Sequence, message.Target);
        _errands.Add(errand.OwnSequence, errand);
        _timers.Add(now + _options.ProbeTimeout, TimerKind.HelperTimeout, errand);
        _table.TryGet(message.Target.Id, out var target);
        Send(address, New(MessageKind.Ping, errand.OwnSequence, message.Target, replyTo: true, updates: NewsFor(target)));
    }

    private void SendNack(Errand errand)
    {
        if (!errand.Done && !errand.Nacked && _errands.ContainsKey(errand.OwnSequence))
        {
            // The errand stays open for a late answer until the asker has given its verdict anyway.
            errand.Nacked = true;
            _timers.Add(_now + (8 * _options.ProbeInterval), TimerKind.HelperTimeout, errand);
            Send(errand.ReplyTo, New(MessageKind.Nack, errand.Sequence, errand.Target));
        }
        else
        {
            _errands.Remove(errand.OwnSequence);
        }
    }

    private void OnNack(SwimMessage message)
    {
        if (_probes.TryGetValue(message.Sequence, out var probe))
        {
            probe.Nacks++;
        }
    }

    private void OnMismatch(TimeSpan now, SwimMessage message)
    {
        if (_probes.Remove(message.Sequence, out var probe)
            && probe.Target.IsLive
            && probe.Target.Generation == probe.Generation
            && message.Target.Id == probe.Target.Id
            && message.From.Id != probe.Target.Id)
        {
            Accuse(now, probe.Target, phi: null);
        }
    }

    private void EndProbe(TimeSpan now, Probe probe)
    {
        if (!IsPending(probe))
        {
            return;
        }

        _probes.Remove(probe.Sequence);
        var isLate = now - probe.End > _options.PauseThreshold / 2 && _options.PauseThreshold > TimeSpan.Zero;
        if (isLate || (probe.Target.Record is { } record && _effects.IsHeldUp(record.Address)))
        {
            return;
        }

        Statistics.ProbesFailed++;
        // Helpers that do not even say "no" suggest that the fault is here.
        AdjustHealth(probe.HelpersAsked > 0 ? probe.HelpersAsked - probe.Nacks : 1);
        if (probe.Target.IsLive && probe.Target.Generation == probe.Generation)
        {
            Accuse(now, probe.Target, phi: null);
        }
    }

    private bool IsPending(Probe probe) => _probes.TryGetValue(probe.Sequence, out var pending) && pending == probe;

    /// <summary>A probe in flight.</summary>
    private sealed class Probe(uint sequence, MemberEntry target, ulong generation, TimeSpan end)
    {
        public uint Sequence { get; } = sequence;

        public MemberEntry Target { get; } = target;

        public ulong Generation { get; } = generation;

        public TimeSpan End { get; } = end;

        public int HelpersAsked { get; set; }

        public int Nacks { get; set; }
    }

    /// <summary>A probe on behalf of another node.</summary>
    private sealed class Errand(uint ownSequence, IPEndPoint replyTo, uint sequence, NodeIdentity target)
    {
        public uint OwnSequence { get; } = ownSequence;

        public IPEndPoint ReplyTo { get; } = replyTo;

        public uint Sequence { get; } = sequence;

        public NodeIdentity Target { get; } = target;

        public bool Done { get; set; }

        public bool Nacked { get; set; }
    }
}
