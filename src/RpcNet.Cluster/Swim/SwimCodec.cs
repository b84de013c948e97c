using System.Buffers;
using System.Collections.Frozen;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Nerdbank.MessagePack;

namespace RpcNet.Cluster.Swim;

/// <summary>The messages' encoding: MessagePack arrays whose trailing defaults are left out and whose unknown tail is skipped.</summary>
/// <remarks>
/// Message: [kind, cluster, from id, from generation, sequence, updates, reply-to, target id, target generation, target address,
/// text, hashes, bucket count, wanted]. Update: [state, id, generation, incarnation, accuser, record, verdict]. Record:
/// [incarnation, address, tags, flags, min version, max version]. An address is a binary of 4 or 16 bytes and a big-endian port.
/// </remarks>
internal static partial class SwimCodec
{
    /// <summary>The longest message that is read or written.</summary>
    public const int MaxMessageBytes = 65_536;

    private const int MessageFields = 14;

    public static byte[] Encode(SwimMessage message)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        Encode(message, buffer);
        return buffer.WrittenSpan.ToArray();
    }

    public static void Encode(SwimMessage message, IBufferWriter<byte> into)
    {
        var writer = new MessagePackWriter(into);
        var fields = CountFields(message);
        writer.WriteArrayHeader(fields);
        writer.Write((byte)message.Kind);
        writer.Write(message.Cluster);
        writer.Write(message.From.Id.Value);
        writer.Write(message.From.Generation);
        writer.Write(message.Sequence);
        for (var field = 5; field < fields; field++)
        {
            WriteField(ref writer, message, field);
        }

        writer.Flush();
    }

    /// <summary>The bytes that <see cref="Encode(SwimMessage)"/> writes.</summary>
    public static int Measure(SwimMessage message)
    {
        var fields = CountFields(message);
        var size = 2
            + MessagePackWriter.GetEncodedLength((ulong)message.Cluster)
            + MeasureString(message.From.Id.Value)
            + MessagePackWriter.GetEncodedLength(message.From.Generation)
            + MessagePackWriter.GetEncodedLength((ulong)message.Sequence);
        for (var field = 5; field < fields; field++)
        {
            size += MeasureField(message, field);
        }

        return size;
    }

    /// <summary>The bytes that tags take on the wire.</summary>
    public static int MeasureTags(IEnumerable<KeyValuePair<string, string>> tags)
    {
        var size = 0;
        var count = 0;
        foreach (var (key, value) in tags)
        {
            size += MeasureString(key) + MeasureString(value);
            count++;
        }

        return size + MeasureHeader(count);
    }

    public static int MeasureUpdate(MemberUpdate update)
    {
        var size = 2
            + MeasureString(update.Subject.Id.Value)
            + MessagePackWriter.GetEncodedLength(update.Subject.Generation)
            + MessagePackWriter.GetEncodedLength(update.Incarnation);
        var fields = CountFields(update);
        size += fields > 4 ? update.Accuser.IsEmpty ? 1 : MeasureString(update.Accuser.Value) : 0;
        size += fields > 5 ? update.Record?.WireSize ?? 1 : 0;
        return size + (fields > 6 ? 1 : 0);
    }

    public static int MeasureRecord(MemberRecord record)
    {
        var fields = CountFields(record);
        var size = 1 + MessagePackWriter.GetEncodedLength(record.Incarnation) + MeasureAddress(record.Address);
        size += fields > 2 ? record.Tags.Count == 0 ? 1 : MeasureTags(record.Tags) : 0;
        size += fields > 3 ? MessagePackWriter.GetEncodedLength((ulong)record.Flags) : 0;
        return size + (fields > 4 ? MessagePackWriter.GetEncodedLength((ulong)record.MinVersion) + MessagePackWriter.GetEncodedLength((ulong)record.MaxVersion) : 0);
    }

    private static int CountFields(SwimMessage m)
    {
        return m switch
        {
            { Wanted.Length: > 0 } => MessageFields,
            { BucketCount: not 0 } => 13,
            { Hashes.Length: > 0 } => 12,
            { Text.Length: > 0 } => 11,
            { TargetAddress: not null } => 10,
            _ when !m.Target.Id.IsEmpty => 9,
            { ReplyTo: not null } => 7,
            { Updates.Length: > 0 } => 6,
            _ => 5,
        };
    }

    private static int CountFields(MemberUpdate u) => u switch
    {
        { IsVerdict: true } => 7,
        { Record: not null } => 6,
        _ when !u.Accuser.IsEmpty => 5,
        _ => 4,
    };

    private static int CountFields(MemberRecord r) => r switch
    {
        { MinVersion: not 1 } or { MaxVersion: not 1 } => 6,
        { Flags: not RecordFlags.None } => 4,
        { Tags.Count: > 0 } => 3,
        _ => 2,
    };

    private static void WriteField(ref MessagePackWriter writer, SwimMessage m, int field)
    {
        switch (field)
        {
            case 5:
                writer.WriteArrayHeader(m.Updates.Length);
                foreach (var update in m.Updates)
                {
                    Write(ref writer, update);
                }

                break;
            case 6:
                Write(ref writer, m.ReplyTo);
                break;
            case 7:
                WriteOrNil(ref writer, m.Target.Id.Value);
                break;
            case 8:
                writer.Write(m.Target.Generation);
                break;
            case 9:
                Write(ref writer, m.TargetAddress);
                break;
            case 10:
                WriteOrNil(ref writer, m.Text);
                break;
            case 11:
                writer.WriteBinHeader(m.Hashes.Length * sizeof(ulong));
                foreach (var hash in m.Hashes)
                {
                    var span = writer.GetSpan(sizeof(ulong));
                    System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(span, hash);
                    writer.Advance(sizeof(ulong));
                }

                break;
            case 12:
                writer.Write(m.BucketCount);
                break;
            default:
                writer.WriteArrayHeader(m.Wanted.Length);
                foreach (var bucket in m.Wanted)
                {
                    writer.Write(bucket);
                }

                break;
        }
    }

    private static int MeasureField(SwimMessage m, int field) => field switch
    {
        5 => MeasureHeader(m.Updates.Length) + m.Updates.Sum(static u => u.WireSize),
        6 => MeasureAddress(m.ReplyTo),
        7 => m.Target.Id.IsEmpty ? 1 : MeasureString(m.Target.Id.Value),
        8 => MessagePackWriter.GetEncodedLength(m.Target.Generation),
        9 => MeasureAddress(m.TargetAddress),
        10 => m.Text.Length == 0 ? 1 : MeasureString(m.Text),
        11 => MeasureBinary(m.Hashes.Length * sizeof(ulong)),
        12 => MessagePackWriter.GetEncodedLength((ulong)m.BucketCount),
        _ => MeasureHeader(m.Wanted.Length) + m.Wanted.Sum(static b => MessagePackWriter.GetEncodedLength((ulong)b)),
    };

    private static void Write(ref MessagePackWriter writer, MemberUpdate update)
    {
        var fields = CountFields(update);
        writer.WriteArrayHeader(fields);
        writer.Write((byte)update.State);
        writer.Write(update.Subject.Id.Value);
        writer.Write(update.Subject.Generation);
        writer.Write(update.Incarnation);
        if (fields > 4)
        {
            WriteOrNil(ref writer, update.Accuser.Value);
        }

        if (fields > 5)
        {
            Write(ref writer, update.Record);
        }

        if (fields > 6)
        {
            writer.Write(update.IsVerdict);
        }
    }

    private static void Write(ref MessagePackWriter writer, MemberRecord? record)
    {
        if (record is null)
        {
            writer.WriteNil();
            return;
        }

        var fields = CountFields(record);
        writer.WriteArrayHeader(fields);
        writer.Write(record.Incarnation);
        Write(ref writer, record.Address);
        if (fields > 2)
        {
            writer.WriteMapHeader(record.Tags.Count);
            foreach (var (key, value) in record.Tags)
            {
                writer.Write(key);
                writer.Write(value);
            }
        }

        if (fields > 3)
        {
            writer.Write((byte)record.Flags);
        }

        if (fields > 4)
        {
            writer.Write(record.MinVersion);
            writer.Write(record.MaxVersion);
        }
    }

    private static void Write(ref MessagePackWriter writer, IPEndPoint? address)
    {
        if (address is null)
        {
            writer.WriteNil();
            return;
        }

        Span<byte> bytes = stackalloc byte[18];
        address.Address.TryWriteBytes(bytes, out var length);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(bytes[length..], (ushort)address.Port);
        writer.Write(bytes[..(length + 2)]);
    }

    private static void WriteOrNil(ref MessagePackWriter writer, string text)
    {
        if (text.Length == 0)
        {
            writer.WriteNil();
        }
        else
        {
            writer.Write(text);
        }
    }

    private static int MeasureString(string text)
    {
        var bytes = Encoding.UTF8.GetByteCount(text);
        return bytes + (bytes < 32 ? 1 : bytes < 256 ? 2 : bytes < 65_536 ? 3 : 5);
    }

    private static int MeasureHeader(int count) => count < 16 ? 1 : count < 65_536 ? 3 : 5;

    private static int MeasureBinary(int length) => length + (length < 256 ? 2 : 3);

    private static int MeasureAddress(IPEndPoint? address) =>
        address is null ? 1 : address.AddressFamily == AddressFamily.InterNetwork ? 8 : 20;
}
