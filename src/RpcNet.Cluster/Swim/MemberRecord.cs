using System.Collections.Frozen;
using System.Net;

namespace RpcNet.Cluster.Swim;

/// <summary>What a node says of itself. One content per (id, generation, incarnation) in the whole cluster.</summary>
internal sealed class MemberRecord
{
    private int _wireSize;

    public MemberRecord(
        NodeId id,
        ulong generation,
        ulong incarnation,
        IPEndPoint address,
        FrozenDictionary<string, string> tags,
        RecordFlags flags = RecordFlags.None,
        byte minVersion = ClusterProtocol.MinVersion,
        byte maxVersion = ClusterProtocol.MaxVersion)
    {
        Id = id;
        Generation = generation;
        Incarnation = incarnation;
        Address = address;
        Tags = tags;
        Flags = flags;
        MinVersion = minVersion;
        MaxVersion = maxVersion;
        RingHash = StableHash.Of(id.Value);
        Fingerprint = StableHash.Mix(RingHash ^ StableHash.Mix(generation ^ StableHash.Mix(incarnation)));
    }

    public NodeId Id { get; }

    public ulong Generation { get; }

    public ulong Incarnation { get; }

    public IPEndPoint Address { get; }

    public FrozenDictionary<string, string> Tags { get; }

    public RecordFlags Flags { get; }

    public byte MinVersion { get; }

    public byte MaxVersion { get; }

    /// <summary>The node's place on the ring of monitors, and its bucket in table digests.</summary>
    public ulong RingHash { get; }

    /// <summary>Stands for this version of the record in table digests.</summary>
    public ulong Fingerprint { get; }

    public NodeIdentity Identity => new(Id, Generation);

    public int WireSize => _wireSize == 0 ? _wireSize = SwimCodec.MeasureRecord(this) : _wireSize;

    public bool SpeaksWith(byte min, byte max) => MinVersion <= max && min <= MaxVersion;
}

/// <summary>What else a record says. Unknown bits are kept and ignored.</summary>
[Flags]
internal enum RecordFlags : byte
{
    None = 0,

    /// <summary>The node noticed that it had been paused, and this incarnation follows from that.</summary>
    Resumed = 1,
}
