using System.Buffers;
using MessagePack;
using MessagePack.Formatters;
using Microsoft.Extensions.DependencyInjection;
using RpcNet.Client;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;
using RpcNet.Transports;

namespace RpcNet.Serialization.Tests;

[RpcService("tests.v1.Figures")]
public interface IFigures
{
    ValueTask<Named> RenameAsync(Named value, string text, CancellationToken cancellationToken = default);

    IAsyncEnumerable<Figure> MirrorAsync(IAsyncEnumerable<Figure> figures, CancellationToken cancellationToken = default);
}

public sealed class Figures : IFigures
{
    public ValueTask<Named> RenameAsync(Named value, string text, CancellationToken cancellationToken) => new(value with { Text = text });

    public IAsyncEnumerable<Figure> MirrorAsync(IAsyncEnumerable<Figure> figures, CancellationToken cancellationToken) => figures;
}

public sealed class MessagePackCSharpTests
{
    [Fact]
    public void Default_TypeWithoutGeneratedFormatter_IsRefusedAndSaysWhatToDo()
    {
        var e = Assert.Throws<RpcSerializationException>(
            () => MessagePackCSharpRpcSerializer.Default.Serialize(new ArrayBufferWriter<byte>(), new Numbered()));
        Assert.Contains("source generator", e.Message);
        Assert.Contains("Numbered", e.Message);
        ReadOnlyMemory<byte> payload = new byte[] { 0x90 };
        e = Assert.Throws<RpcSerializationException>(() => MessagePackCSharpRpcSerializer.Default.Deserialize<Numbered>(ref payload));
        Assert.Contains("source generator", e.Message);
    }

    [Fact]
    public void Default_TypeWithItsOwnFormatter_IsWrittenAndRead()
    {
        var buffer = new ArrayBufferWriter<byte>();
        MessagePackCSharpRpcSerializer.Default.Serialize(buffer, new Celsius(21));
        ReadOnlyMemory<byte> payload = buffer.WrittenMemory;
        Assert.Equal(new Celsius(21), MessagePackCSharpRpcSerializer.Default.Deserialize<Celsius>(ref payload));
        Assert.Equal([21], buffer.WrittenSpan.ToArray());
    }

    [Fact]
    public void Resolver_OfYourOwn_GoesFirst()
    {
        var serializer = new MessagePackCSharpRpcSerializer(MessagePack.Resolvers.NativeGuidResolver.Instance);
        var buffer = new ArrayBufferWriter<byte>();
        serializer.Serialize(buffer, Guid.Empty);
        Assert.Equal((0xC4, 18), (buffer.WrittenSpan[0], buffer.WrittenCount));
    }

    /// <summary>Each codec at either end, all in the same bytes: the number on the wire is the same.</summary>
    [Theory(Timeout = 60_000)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Codec_ChosenAtEitherEnd_TalksToTheOther(bool atServer, bool atClient)
    {
        var token = TestContext.Current.CancellationToken;
        var network = new InMemoryNetwork();
        await using var server = await RpcTestHost.StartAsync(
            builder =>
            {
                var rpc = builder.Services.AddRpcNet().AddService<IFigures>(new Figures());
                if (atServer)
                {
                    rpc.AddSerializer(MessagePackCSharpRpcSerializer.WithRuntimeFormatters());
                }
            },
            new RpcTestHostOptions { Network = network },
            token);
        await using var client = await RpcTestHost.StartAsync(
            builder => builder.Services.AddRpcClient<IFigures>(o =>
            {
                o.Address = server.EndPoint!.ToString();
                if (atClient)
                {
                    o.UseSerializer(MessagePackCSharpRpcSerializer.WithRuntimeFormatters());
                }
            }),
            new RpcTestHostOptions { Network = network },
            token);
        var figures = client.Services.GetRequiredService<IFigures>();
        var value = new Named(
            "a", 1, null, Colour.Green, Guid.NewGuid(), DateTime.UnixEpoch, DateTimeOffset.UnixEpoch, default, default, default, 1.5m, null, null, null, null);
        Assert.Equal(value with { Text = "b" }, await figures.RenameAsync(value, "b", token));
        var mirrored = await figures.MirrorAsync(Source(), token).ToListAsync(token);
        Assert.Equal([typeof(Circle), typeof(Square)], mirrored.Select(static f => f.GetType()));

        static async IAsyncEnumerable<Figure> Source()
        {
            yield return new Circle { Radius = 1 };
            await Task.Yield();
            yield return new Square { Side = 2 };
        }
    }

    /// <summary>RpcNet's own services have types that only the default codec knows.</summary>
    [Theory(Timeout = 60_000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BuiltInServices_SpeakTheDefaultCodec_WhateverIsChosen(bool atServer)
    {
        var token = TestContext.Current.CancellationToken;
        var network = new InMemoryNetwork();
        var refusing = new MessagePackCSharpRpcSerializer(new RefusingResolver());
        await using var server = await RpcTestHost.StartAsync(
            builder =>
            {
                var rpc = builder.Services.AddRpcNet().MapUnary<string, string>("rpcnet.Test/Echo", static (text, _) => new(text));
                if (atServer)
                {
                    rpc.AddSerializer(refusing);
                }
            },
            new RpcTestHostOptions { Network = network },
            token);
        await using var channel = new RpcChannel(network.CreateTransport("client"), new RpcChannelOptions
        {
            EndPoint = server.EndPoint!,
            Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust, SelectIdentity = static () => TestCertificates.Shared.Client },
            Serializer = atServer ? MessagePackRpcSerializer.Default : refusing,
        });
        var method = new RpcUnaryMethod<string, string>("rpcnet.Test", "Echo", RpcMarshaller.Value<string>(), RpcMarshaller.Value<string>());
        foreach (var size in new[] { 10, 100_000 })
        {
            Assert.Equal(size, (await channel.InvokeUnaryAsync(method, new string('x', size), null, token)).Length);
        }
    }

    /// <summary>Neither codec drags the other into an application.</summary>
    [Fact]
    public void Packages_DoNotRootEachOther()
    {
        foreach (var assembly in new[] { typeof(IRpcSerializer).Assembly, typeof(RpcNet.Server.RpcServer).Assembly, typeof(RpcNet.Hosting.RpcNetOptions).Assembly })
        {
            Assert.DoesNotContain(assembly.GetReferencedAssemblies(), static r => r.Name is "MessagePack" or "RpcNet.Serialization.MessagePack");
        }

        var references = typeof(MessagePackCSharpRpcSerializer).Assembly.GetReferencedAssemblies().Select(static r => r.Name).ToList();
        Assert.Contains("MessagePack", references);
        Assert.DoesNotContain("Nerdbank.MessagePack", references);
        Assert.DoesNotContain("RpcNet.Core", references);
    }

    private sealed class RefusingResolver : IFormatterResolver
    {
        public IMessagePackFormatter<T>? GetFormatter<T>() => throw new MessagePackSerializationException("Not to be used.");
    }

    [MessagePackFormatter(typeof(CelsiusFormatter))]
    public readonly record struct Celsius(int Degrees);

    public sealed class CelsiusFormatter : IMessagePackFormatter<Celsius>
    {
        public void Serialize(ref MessagePackWriter writer, Celsius value, MessagePackSerializerOptions options) => writer.Write(value.Degrees);

        public Celsius Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options) => new(reader.ReadInt32());
    }
}
