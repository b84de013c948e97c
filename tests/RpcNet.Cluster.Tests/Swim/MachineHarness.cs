using System.Collections.Frozen;
using System.Net;
using RpcNet.Cluster.Swim;

namespace RpcNet.Cluster.Tests.Swim;

/// <summary>One state machine, its clock, and everything it wanted done.</summary>
internal sealed class MachineHarness : ISwimEffects
{
    public MachineHarness(Action<ClusterOptions>? configure = null, string id = "local", ulong generation = 100)
    {
        Options = new ClusterOptions { Phi = { Enabled = false } };
        configure?.Invoke(Options);
        Machine = new SwimMachine(
            Options,
            new NodeIdentity(new NodeId(id), generation),
            Address(1),
            FrozenDictionary<string, string>.Empty,
            new Random(1),
            this);
    }

    public ClusterOptions Options { get; }

    public SwimMachine Machine { get; }

    public TimeSpan Now { get; private set; } = TimeSpan.FromSeconds(1);

    public List<(IPEndPoint To, SwimMessage Message, TimeSpan At)> Sent { get; } = [];

    public List<SwimEvent> Events { get; } = [];

    public List<string> Refusals { get; } = [];

    /// <summary>When the seeds were asked for.</summary>
    public List<TimeSpan> SeedRequests { get; } = [];

    /// <summary>What is sent there does not leave this process.</summary>
    public IPEndPoint? HeldUp { get; set; }

    public static IPEndPoint Address(int host) => new(new IPAddress([10, 0, 0, (byte)host]), 7000);

    public static MemberRecord Peer(string id, int host, ulong generation = 1, ulong incarnation = 1, params (string Key, string Value)[] tags) =>
        new(new NodeId(id), generation, incarnation, Address(host), tags.ToFrozenDictionary(t => t.Key, t => t.Value, StringComparer.Ordinal));

    public void Send(IPEndPoint to, SwimMessage message) => Sent.Add((to, message, Now));

    public void Notify(in SwimEvent e) => Events.Add(e);

    public void Changed(MemberEntry entry)
    {
    }

    public void ResolveSeeds() => SeedRequests.Add(Now);

    public bool IsHeldUp(IPEndPoint to) => to.Equals(HeldUp);

    public void Refused(IPEndPoint? peer, string reason) => Refusals.Add(reason);

    /// <summary>Starts with these members known.</summary>
    public MachineHarness Start(params MemberRecord[] members)
    {
        Machine.Preload(new CommonView(members), Now);
        Machine.Start(Now);
        return this;
    }

    /// <summary>Wakes the machine whenever it wants until the time has passed.</summary>
    public MachineHarness Run(TimeSpan time)
    {
        var end = Now + time;
        while (Machine.NextWakeup <= end)
        {
            Now = Machine.NextWakeup > Now ? Machine.NextWakeup : Now;
            Machine.Tick(Now);
        }

        Now = end;
        return this;
    }

    public bool RunUntil(Func<bool> condition, double seconds = 10)
    {
        var end = Now + TimeSpan.FromSeconds(seconds);
        while (!condition() && Machine.NextWakeup <= end)
        {
            Now = Machine.NextWakeup > Now ? Machine.NextWakeup : Now;
            Machine.Tick(Now);
        }

        return condition();
    }

    /// <summary>The process stands still, and nothing has woken it yet.</summary>
    public void Sleep(TimeSpan time) => Now += time;

    /// <summary>The process stands still.</summary>
    public void Stall(TimeSpan time)
    {
        Now += time;
        Machine.Tick(Now);
    }

    public void Receive(MemberRecord from, MessageKind kind, uint sequence = 0, NodeIdentity target = default, string text = "", string? cluster = null, params MemberUpdate[] updates) =>
        Machine.Receive(Now, new SwimMessage
        {
            Kind = kind,
            Cluster = SwimMachine.ClusterHash(cluster ?? Options.ClusterName),
            From = from.Identity,
            ReplyTo = from.Address,
            Sequence = sequence,
            Target = target,
            TargetAddress = kind == MessageKind.PingRequest ? Address(9) : null,
            Text = text,
            Updates = updates,
        });

    public MemberEntry Entry(string id) =>
        Machine.Table.TryGet(new NodeId(id), out var entry) ? entry : throw new KeyNotFoundException(id);

    public SwimMessage LastSent(MessageKind kind) => Sent.Last(s => s.Message.Kind == kind).Message;

    public IEnumerable<(IPEndPoint To, SwimMessage Message, TimeSpan At)> SentOf(MessageKind kind) => Sent.Where(s => s.Message.Kind == kind);

    public int CountOf(SwimEventKind kind) => Events.Count(e => e.Kind == kind);
}
