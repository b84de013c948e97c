using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using RpcNet.Cluster;
using RpcNet.Server;

namespace RpcNet.Hosting.Configuration;

/// <summary>What a changed configuration is applied to; resolved when there is one, since the host makes these when it starts.</summary>
internal sealed class ReloadTargets(IServiceProvider services)
{
    /// <summary>The settings that the host started with.</summary>
    public RpcNetSettings Settings => services.GetRequiredService<RpcNetSettings>();

    public IRpcCertificates Certificates => services.GetRequiredService<IRpcCertificates>();

    /// <summary>Null in a process that is no member.</summary>
    public IClusterMembership? Membership =>
        services.GetRequiredService<RpcNetRegistration>().HasCluster ? services.GetRequiredService<IClusterMembership>() : null;

    /// <summary>Reads and validates the present configuration.</summary>
    /// <exception cref="RpcNetStartupException">At least one setting is wrong; the message has all of them.</exception>
    public RpcNetSettings Read() => new(
        () => services.GetRequiredService<IOptionsFactory<RpcNetOptions>>().Create(Options.DefaultName),
        name => services.GetRequiredService<IOptionsFactory<RpcClientOptions>>().Create(name),
        services.GetRequiredService<RpcNetRegistration>(),
        services.GetRequiredService<RpcNetOptionsSetup>().SectionPath);

    /// <param name="name">The server's name; null for the process's own.</param>
    public RpcServer Server(string? name) =>
        name is null ? services.GetRequiredService<RpcServer>() : services.GetRequiredKeyedService<RpcServer>(name);
}
