using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using MessagePack;
using MessagePack.Resolvers;

namespace RpcNet.Serialization;

/// <summary>
/// MessagePack by MessagePack-CSharp v3, for contracts whose types carry its attributes. It writes the bytes that the default
/// codec writes and has its number, so that either side of a call may use either (docs/serialization.md names the
/// differences).
/// </summary>
/// <remarks>
/// Input is untrusted: depth is bounded, maps with keys chosen to collide cost no more than others. There is no Typeless, no
/// Contractless and no LZ4. Servers take it with <c>Serializers = [MessagePackCSharpRpcSerializer.Default]</c> or
/// <c>AddSerializer</c>, clients with <c>Serializer = …</c> or <c>UseSerializer</c>.
/// </remarks>
public sealed class MessagePackCSharpRpcSerializer : IRpcSerializer
{
    /// <summary>As the default codec: deeper values are refused.</summary>
    private const int MaxDepth = 64;

    private readonly MessagePackSerializerOptions _options;

    /// <summary>Creates a codec that asks further resolvers first.</summary>
    /// <param name="resolvers">
    /// Resolvers of your own formatters. They decide what bytes they write; those of this package keep to the default codec's.
    /// </param>
    public MessagePackCSharpRpcSerializer(params IReadOnlyList<IFormatterResolver> resolvers)
        : this(resolvers, [])
    {
    }

    private MessagePackCSharpRpcSerializer(IReadOnlyList<IFormatterResolver> first, IReadOnlyList<IFormatterResolver> last) =>
        _options = MessagePackSerializerOptions.Standard
            .WithSecurity(MessagePackSecurity.UntrustedData.WithMaximumObjectGraphDepth(MaxDepth))
            .WithCompression(MessagePackCompression.None)
            .WithResolver(CompositeResolver.Create(
            [
                .. first,
                WireResolver.Instance,
                BuiltinResolver.Instance,
                AttributeFormatterResolver.Instance,
                SourceGeneratedFormatterResolver.Instance,
                .. last,
            ]));

    /// <summary>
    /// The codec over built-in and generated formatters: trim- and AOT-safe, and a type without a generated formatter is an
    /// error that says so. MessagePack's source generator writes formatters for types with [MessagePackObject].
    /// </summary>
    public static MessagePackCSharpRpcSerializer Default { get; } = new();

    /// <summary>
    /// The codec that also makes formatters at run time: for types with [MessagePackObject] that have no generated formatter,
    /// and for enums and closed generic types.
    /// </summary>
    /// <param name="resolvers">As for the constructor.</param>
    [RequiresDynamicCode("Emits formatters at run time. Use Default with MessagePack's source generator instead.")]
    [RequiresUnreferencedCode("Finds members by reflection. Use Default with MessagePack's source generator instead.")]
    public static MessagePackCSharpRpcSerializer WithRuntimeFormatters(params IReadOnlyList<IFormatterResolver> resolvers) =>
        new(resolvers, [DynamicEnumResolver.Instance, DynamicGenericResolver.Instance, DynamicUnionResolver.Instance, DynamicObjectResolver.Instance]);

    /// <inheritdoc/>
    public byte CodecId => 1;

    /// <inheritdoc/>
    public string Name => "msgpack-csharp";

    /// <inheritdoc/>
    public void Serialize<T>(IBufferWriter<byte> writer, T value)
    {
        try
        {
            MessagePackSerializer.Serialize(writer, value, _options);
        }
        catch (MessagePackSerializationException e)
        {
            throw new RpcSerializationException($"A value of {typeof(T)} cannot be written: {Reason(e)}", e);
        }
    }

    /// <inheritdoc/>
    public T Deserialize<T>(ref ReadOnlyMemory<byte> payload)
    {
        try
        {
            var reader = new MessagePackReader(payload);
            var value = MessagePackSerializer.Deserialize<T>(ref reader, _options);
            payload = payload[(int)reader.Consumed..];
            return value;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Whatever a formatter throws, it was the input that made it do so.
            throw new RpcSerializationException($"The payload is no {typeof(T)}: {Reason(e)}", e);
        }
    }

    /// <inheritdoc/>
    public void WriteArgumentCount(IBufferWriter<byte> writer, int count)
    {
        var pack = new MessagePackWriter(writer);
        pack.WriteArrayHeader(count);
        pack.Flush();
    }

    /// <inheritdoc/>
    public int ReadArgumentCount(ref ReadOnlyMemory<byte> payload)
    {
        try
        {
            var reader = new MessagePackReader(payload);
            var count = reader.ReadArrayHeader();
            payload = payload[(int)reader.Consumed..];
            return count;
        }
        catch (Exception e) when (e is MessagePackSerializationException or EndOfStreamException or OverflowException)
        {
            throw new RpcSerializationException($"The payload is no argument list: {e.Message}", e);
        }
    }

    /// <summary>The library says what went wrong in the innermost exception and where in the outer ones.</summary>
    private static string Reason(Exception e)
    {
        var cause = e.GetBaseException();
        return cause is FormatterNotRegisteredException
            ? $"{cause.Message} Put [MessagePackObject] on the type and build its assembly with MessagePack's source generator, "
                + "or use MessagePackCSharpRpcSerializer.WithRuntimeFormatters."
            : cause.Message;
    }
}
