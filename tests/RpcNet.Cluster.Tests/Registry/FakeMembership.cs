using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Net;
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace RpcNet.Cluster.Tests.Registry;

/// <summary>A membership whose events the test writes. Only what the registry uses is there.</summary>
internal sealed class FakeMembership : IClusterMembership
{
    private readonly Lock _gate = new();
    private readonly List<Channel<ClusterEvent>> _subscribers = [];
    private readonly SortedDictionary<NodeId, ClusterMember> _members = [];

    public FakeMembership(string? zone = null)
    {
        Local = Member("local", 1, zone is null ? "" : $"zone={zone}") with { IsLocal = true };
        _members[Local.Id] = Local;
    }

    public ClusterMember Local { get; }

    public ImmutableArray<ClusterMember> Members
    {
        get
        {
            lock (_gate)
            {
                return [.. _members.Values];
            }
        }
    }

    public bool HasQuorum => true;

    public static ClusterMember Member(string id, int port, string tags, ulong generation = 1) => new()
    {
        Id = new NodeId(id),
        Generation = generation,
        Incarnation = 1,
        Address = new IPEndPoint(IPAddress.Loopback, port),
        Tags = tags.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(t => t.Split('='))
            .ToFrozenDictionary(t => t[0], t => t.Length > 1 ? t[1] : ""),
    };

    public ClusterMember Join(ClusterMember member)
    {
        Publish(member, new NodeJoined(default, member));
        return member;
    }

    public ClusterMember Join(string id, int port, string tags = "role=worker", ulong generation = 1) =>
        Join(Member(id, port, tags, generation));

    public void JoinMany(int count, string tags = "role=worker")
    {
        for (var i = 0; i < count; i++)
        {
            Join($"w{i:0000}", 10_000 + i, tags);
        }
    }

    public void Fail(ClusterMember member) => Withdraw(member, new NodeFailed(default, member with { State = MemberState.Failed }));

    public void Leave(ClusterMember member) => Withdraw(member, new NodeLeft(default, member with { State = MemberState.Left }));

    public void Suspect(ClusterMember member)
    {
        var suspect = member with { State = MemberState.Suspect };
        Publish(suspect, new NodeSuspect(default, suspect, Local.Id, Phi: null));
    }

    public void Recover(ClusterMember member) => Publish(member, new NodeRecovered(default, member));

    public void ChangeTags(ClusterMember member, string tags)
    {
        var changed = member with { Tags = Member("x", 1, tags).Tags };
        Publish(changed, new TagsChanged(default, changed, member.Tags));
    }

    public async IAsyncEnumerable<ClusterEvent> SubscribeAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var channel = Channel.CreateUnbounded<ClusterEvent>();
        lock (_gate)
        {
            channel.Writer.TryWrite(new ClusterSnapshot(default, [.. _members.Values]));
            _subscribers.Add(channel);
        }

        await foreach (var change in channel.Reader.ReadAllAsync(cancellationToken))
        {
            yield return change;
        }
    }

    public ImmutableArray<ClusterMember> MembersWithTags(Func<ClusterMember, bool> filter) => throw new NotSupportedException();

    public ImmutableArray<ClusterMember> MembersWithTags(params ReadOnlySpan<KeyValuePair<string, string>> tags) => throw new NotSupportedException();

    public ClusterMember? Find(NodeId id) => throw new NotSupportedException();

    public ValueTask<ImmutableArray<ClusterMember>> WaitForAsync(
        Func<ImmutableArray<ClusterMember>, bool> condition, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask UpdateTagsAsync(IReadOnlyDictionary<string, string> tags, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public ValueTask SetTagAsync(string key, string? value, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask JoinAsync(IEnumerable<string> seeds, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask LeaveAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public double? GetPhi(NodeId id) => null;

    private void Publish(ClusterMember member, ClusterEvent change)
    {
        lock (_gate)
        {
            _members[member.Id] = member;
            _subscribers.ForEach(s => s.Writer.TryWrite(change));
        }
    }

    private void Withdraw(ClusterMember member, ClusterEvent change)
    {
        lock (_gate)
        {
            _members.Remove(member.Id);
            _subscribers.ForEach(s => s.Writer.TryWrite(change));
        }
    }
}
