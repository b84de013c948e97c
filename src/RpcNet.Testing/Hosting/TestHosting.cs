using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using RpcNet.Client;
using RpcNet.Hosting;
using RpcNet.Testing.InMemory;
using RpcNet.Transports;

namespace RpcNet.Testing.Hosting;

/// <summary>What the hosts of tests have in common.</summary>
internal static class TestHosting
{
    /// <summary>The port on which hosts listen, each at an address of its own.</summary>
    public const int Port = 61000;

    /// <summary>Builds an application's host over a transport in memory.</summary>
    public static IHost Build(
        Action<HostApplicationBuilder> configure,
        InMemoryTransport transport,
        TimeProvider time,
        IEnumerable<KeyValuePair<string, string?>> defaults,
        IEnumerable<KeyValuePair<string, string?>> settings,
        string environment,
        string? name,
        Action<IServiceCollection>? configureServices)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { EnvironmentName = environment, ApplicationName = name });
        builder.Configuration.AddInMemoryCollection(defaults);
        builder.Configuration.AddInMemoryCollection(settings);
        configure(builder);
        builder.Services.Replace(ServiceDescriptor.Singleton<ITransport>(transport));
        builder.Services.Replace(ServiceDescriptor.Singleton<IRpcCertificates, TestRpcCertificates>());
        builder.Services.Replace(ServiceDescriptor.Singleton(time));
        configureServices?.Invoke(builder.Services);
        return builder.Build();
    }

    /// <summary>A channel that hosts of tests trust.</summary>
    public static RpcChannel CreateChannel(InMemoryTransport transport, IPEndPoint address, TimeProvider time) => new(
        transport,
        new RpcChannelOptions
        {
            EndPoint = address,
            Tls = new TlsClientOptions
            {
                TargetHost = TestRpcCertificates.Name,
                SelectIdentity = static () => TestCertificates.Shared.Client,
                ValidateServer = TestCertificates.Shared.Trust,
            },
        },
        timeProvider: time);

    public static async ValueTask DisposeAsync(IHost host)
    {
        if (host is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync().ConfigureAwait(false);
        }
        else
        {
            host.Dispose();
        }
    }
}
