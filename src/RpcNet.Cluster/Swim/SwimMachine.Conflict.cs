using System.Net;

namespace RpcNet.Cluster.Swim;

/// <summary>A later life of this node id that is not this process: a restart with a clock gone back, or a duplicate id.</summary>
/// <remarks>
/// News of a higher generation at another address is checked by asking there. No answer: it is a remnant, and this process takes a
/// generation above it. An answer: two processes run under one id; the one with the lower generation, which the cluster has
/// replaced already, reports the conflict, tells the other, and is silent until the other is gone.
/// </remarks>
internal sealed partial class SwimMachine
{
    private const int ConflictTries = 3;
    private static readonly TimeSpan ConflictRetry = TimeSpan.FromSeconds(10);

    private MemberRecord? _rival;
    private uint _rivalSequence;
    private int _rivalTries;
    private TimeSpan _nextConflictCheck;
    private ulong _reportedRival;

    /// <summary>Whether this process lost its id to another one and keeps silent.</summary>
    public bool IsConflicted { get; private set; }

    private void MergeRival(TimeSpan now, MemberUpdate update)
    {
        if (update.State is MemberState.Failed or MemberState.Left)
        {
            BeginNewGeneration(now, update.Subject.Generation + 1);
            return;
        }

        if (update.Record is not { } record)
        {
            return;
        }

        if (record.Address.Equals(_local.Address))
        {
            BeginNewGeneration(now, record.Generation + 1);
            return;
        }

        if (record.Generation == _local.Generation)
        {
            // Started in the same millisecond: the address decides who steps above the other.
            if (string.CompareOrdinal(_local.Address.ToString(), record.Address.ToString()) > 0)
            {
                BeginNewGeneration(now, record.Generation + 1);
            }

            return;
        }

        if (_rival is null || _rival.Generation < record.Generation)
        {
            _rival = record;
            _rivalTries = 0;
            _nextConflictCheck = now;
            CheckConflict(now);
        }
    }

    private void CheckConflict(TimeSpan now)
    {
        if (_rival is null || _phase != Phase.Running || now < _nextConflictCheck)
        {
            return;
        }

        if (_rivalTries >= ConflictTries)
        {
            var generation = _rival.Generation + 1;
            _rival = null;
            IsConflicted = false;
            BeginNewGeneration(now, generation);
            _nextSeeds = now;
            _timers.Add(now, TimerKind.EarlySync);
            return;
        }

        _rivalTries++;
        _rivalSequence = ++_sequence;
        Send(_rival.Address, New(MessageKind.Ping, _rivalSequence, _rival.Identity, replyTo: true));
        _nextConflictCheck = now + (2 * _options.ProbeTimeout);
        _timers.Add(_nextConflictCheck, TimerKind.ConflictCheck);
    }

    private void OnConflictAnswer(TimeSpan now, SwimMessage message)
    {
        if (_rival is null || message.Sequence != _rivalSequence || message.From != _rival.Identity)
        {
            return;
        }

        _rivalTries = 0;
        _rivalSequence = 0;
        Send(_rival.Address, New(MessageKind.Conflict, replyTo: true));
        if (!IsConflicted)
        {
            IsConflicted = true;
            ReportConflict(_rival.Generation, _rival.Address);
        }

        _nextConflictCheck = now + ConflictRetry;
        _timers.Add(_nextConflictCheck, TimerKind.ConflictCheck);
    }

    private void OnConflict(SwimMessage message)
    {
        if (message.From.Id == _local.Id && message.ReplyTo is { } address && !address.Equals(_local.Address))
        {
            ReportConflict(message.From.Generation, address);
        }
    }

    private void ReportConflict(ulong generation, IPEndPoint address)
    {
        if (_reportedRival != generation)
        {
            _reportedRival = generation;
            _effects.Notify(new SwimEvent(SwimEventKind.Conflict)
            {
                Record = _local,
                Address = address,
                Favourable = generation < _local.Generation,
            });
        }
    }
}
