using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using Nerdbank.MessagePack;

namespace RpcNet.Cluster.Swim;

/// <summary>Reading: limits before parsing, and a reason instead of an exception.</summary>
internal static partial class SwimCodec
{
    private const int MaxBuckets = 1024;
    private const int MaxUpdates = 8192;
    private const int MaxTextLength = 1024;

    /// <summary>Numbers from here on are nobody's incarnation or generation; accepting them would let them overflow.</summary>
    private const ulong CounterLimit = 1UL << 62;

    /// <returns>Whether it is a message; otherwise <paramref name="reason"/> says what is wrong with it.</returns>
    public static bool TryDecode(
        ReadOnlyMemory<byte> bytes,
        int maxTagBytes,
        [NotNullWhen(true)] out SwimMessage? message,
        [NotNullWhen(false)] out string? reason)
    {
        message = null;
        if (bytes.Length > MaxMessageBytes)
        {
            reason = $"{bytes.Length} bytes are more than {MaxMessageBytes}";
            return false;
        }

        try
        {
            var reader = new MessagePackReader(bytes);
            message = ReadMessage(ref reader, maxTagBytes);
            reason = null;
            return true;
        }
        catch (Exception e) when (e is MessagePackSerializationException or EndOfStreamException or InvalidDataException or OverflowException)
        {
            reason = e.Message;
            return false;
        }
    }

    private static SwimMessage ReadMessage(ref MessagePackReader reader, int maxTagBytes)
    {
        var fields = reader.ReadArrayHeader();
        if (fields < 5)
        {
            throw new InvalidDataException($"a message has at least 5 fields, not {fields}");
        }

        var kind = (MessageKind)reader.ReadByte();
        if (kind is < MessageKind.Ping or > MessageKind.Complaint)
        {
            throw new InvalidDataException($"{(byte)kind} is no known kind of message");
        }

        var cluster = reader.ReadUInt32();
        var from = new NodeIdentity(ReadNodeId(ref reader) ?? throw new InvalidDataException("the sender's id is missing"), ReadCounter(ref reader));
        var sequence = reader.ReadUInt32();
        var updates = fields > 5 ? ReadUpdates(ref reader, maxTagBytes) : SwimMessage.NoUpdates;
        var replyTo = fields > 6 ? ReadAddress(ref reader) : null;
        var targetId = fields > 7 ? ReadNodeId(ref reader) : null;
        var targetGeneration = fields > 8 ? ReadCounter(ref reader) : 0;
        var targetAddress = fields > 9 ? ReadAddress(ref reader) : null;
        var text = fields > 10 ? ReadText(ref reader) : string.Empty;
        var hashes = fields > 11 ? ReadHashes(ref reader) : [];
        var bucketCount = fields > 12 ? ReadBucket(ref reader, MaxBuckets) : 0;
        var wanted = fields > 13 ? ReadWanted(ref reader, bucketCount) : [];
        SkipRest(ref reader, fields - MessageFields);
        return new SwimMessage
        {
            Kind = kind,
            Cluster = cluster,
            From = from,
            Sequence = sequence,
            Updates = updates,
            ReplyTo = replyTo,
            Target = targetId is { } id ? new NodeIdentity(id, targetGeneration) : default,
            TargetAddress = targetAddress,
            Text = text,
            Hashes = hashes,
            BucketCount = bucketCount,
            Wanted = wanted,
        };
    }

    private static MemberUpdate[] ReadUpdates(ref MessagePackReader reader, int maxTagBytes)
    {
        if (reader.TryReadNil())
        {
            return SwimMessage.NoUpdates;
        }

        var count = reader.ReadArrayHeader();
        if (count > MaxUpdates)
        {
            throw new InvalidDataException($"{count} updates are more than {MaxUpdates}");
        }

        var updates = new List<MemberUpdate>(Math.Min(count, 64));
        for (var i = 0; i < count; i++)
        {
            if (ReadUpdate(ref reader, maxTagBytes) is { } update)
            {
                updates.Add(update);
            }
        }

        return updates.Count == 0 ? SwimMessage.NoUpdates : [.. updates];
    }

    private static MemberUpdate? ReadUpdate(ref MessagePackReader reader, int maxTagBytes)
    {
        var fields = reader.ReadArrayHeader();
        if (fields < 4)
        {
            throw new InvalidDataException($"an update has at least 4 fields, not {fields}");
        }

        var state = (MemberState)reader.ReadByte();
        var id = ReadNodeId(ref reader) ?? throw new InvalidDataException("an update's subject is missing");
        var subject = new NodeIdentity(id, ReadCounter(ref reader));
        var incarnation = ReadCounter(ref reader);
        var accuser = fields > 4 ? ReadNodeId(ref reader) ?? default : default;
        var record = fields > 5 ? ReadRecord(ref reader, subject, maxTagBytes) : null;
        var isVerdict = fields > 6 && reader.ReadBoolean();
        SkipRest(ref reader, fields - 7);
        switch (state)
        {
            case MemberState.Alive when record is null || record.Incarnation != incarnation:
                throw new InvalidDataException($"the news that {subject} is alive lacks its record");
            case MemberState.Alive:
                return MemberUpdate.Alive(record);
            case MemberState.Suspect or MemberState.Failed or MemberState.Left when record is null || record.Incarnation <= incarnation:
                return MemberUpdate.Row(state, subject, incarnation, accuser, record, state == MemberState.Failed && isVerdict);
            case > MemberState.Left:
                return null;
            default:
                throw new InvalidDataException($"the record of {subject} is newer than its state");
        }
    }

    private static MemberRecord? ReadRecord(ref MessagePackReader reader, NodeIdentity subject, int maxTagBytes)
    {
        if (reader.TryReadNil())
        {
            return null;
        }

        var fields = reader.ReadArrayHeader();
        if (fields < 2)
        {
            throw new InvalidDataException($"a record has at least 2 fields, not {fields}");
        }

        var incarnation = ReadCounter(ref reader);
        var address = ReadAddress(ref reader) ?? throw new InvalidDataException($"the address of {subject} is missing");
        var tags = fields > 2 ? ReadTags(ref reader, maxTagBytes) : FrozenDictionary<string, string>.Empty;
        var flags = fields > 3 ? (RecordFlags)reader.ReadByte() : RecordFlags.None;
        var min = fields > 4 ? reader.ReadByte() : (byte)1;
        var max = fields > 5 ? reader.ReadByte() : (byte)1;
        SkipRest(ref reader, fields - 6);
        return new MemberRecord(subject.Id, subject.Generation, incarnation, address, tags, flags, min, max);
    }

    private static FrozenDictionary<string, string> ReadTags(ref MessagePackReader reader, int maxTagBytes)
    {
        if (reader.TryReadNil())
        {
            return FrozenDictionary<string, string>.Empty;
        }

        var start = reader.Consumed;
        var count = reader.ReadMapHeader();
        var tags = new Dictionary<string, string>(Math.Min(count, 64), StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            var key = reader.ReadString() ?? throw new InvalidDataException("a tag has no key");
            tags[key] = reader.ReadString() ?? string.Empty;
            if (reader.Consumed - start > maxTagBytes)
            {
                throw new InvalidDataException($"tags of more than {maxTagBytes} bytes");
            }
        }

        return tags.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static NodeId? ReadNodeId(ref MessagePackReader reader)
    {
        if (reader.TryReadNil())
        {
            return null;
        }

        var text = reader.ReadString();
        return NodeId.TryParse(text, null, out var id) ? id : throw new InvalidDataException("a node id is not valid");
    }

    private static ulong ReadCounter(ref MessagePackReader reader)
    {
        var value = reader.ReadUInt64();
        return value < CounterLimit ? value : throw new InvalidDataException($"{value} is out of range");
    }

    private static IPEndPoint? ReadAddress(ref MessagePackReader reader)
    {
        if (reader.TryReadNil())
        {
            return null;
        }

        Span<byte> bytes = stackalloc byte[18];
        var sequence = reader.ReadBytes() ?? throw new InvalidDataException("an address is missing");
        if (sequence.Length is not (6 or 18))
        {
            throw new InvalidDataException($"an address has 6 or 18 bytes, not {sequence.Length}");
        }

        sequence.CopyTo(bytes);
        var length = (int)sequence.Length - 2;
        return new IPEndPoint(new IPAddress(bytes[..length]), BinaryPrimitives.ReadUInt16BigEndian(bytes[length..]));
    }

    private static string ReadText(ref MessagePackReader reader)
    {
        var text = reader.ReadString() ?? string.Empty;
        return text.Length <= MaxTextLength ? text : text[..MaxTextLength];
    }

    private static ulong[] ReadHashes(ref MessagePackReader reader)
    {
        var sequence = reader.ReadBytes() ?? default;
        if (sequence.Length % sizeof(ulong) != 0 || sequence.Length > MaxBuckets * sizeof(ulong))
        {
            throw new InvalidDataException($"{sequence.Length} bytes are no list of hashes");
        }

        var bytes = sequence.ToArray();
        var hashes = new ulong[bytes.Length / sizeof(ulong)];
        for (var i = 0; i < hashes.Length; i++)
        {
            hashes[i] = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(i * sizeof(ulong)));
        }

        return hashes;
    }

    private static int[] ReadWanted(ref MessagePackReader reader, int bucketCount)
    {
        var count = reader.ReadArrayHeader();
        if (count > bucketCount)
        {
            throw new InvalidDataException($"{count} parts are more than there are");
        }

        var wanted = new int[count];
        for (var i = 0; i < count; i++)
        {
            wanted[i] = ReadBucket(ref reader, bucketCount - 1);
        }

        return wanted;
    }

    private static int ReadBucket(ref MessagePackReader reader, int max)
    {
        var value = reader.ReadInt32();
        return value >= 0 && value <= max ? value : throw new InvalidDataException($"{value} is out of range");
    }

    private static void SkipRest(ref MessagePackReader reader, int count)
    {
        var context = new SerializationContext();
        for (var i = 0; i < count; i++)
        {
            reader.Skip(context);
        }
    }
}
