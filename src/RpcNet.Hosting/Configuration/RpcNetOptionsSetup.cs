using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace RpcNet.Hosting.Configuration;

/// <summary>Binds the options to the configuration and validates them, server's and clients' alike.</summary>
internal sealed class RpcNetOptionsSetup(RpcNetRegistration registration, IServiceProvider services) :
    IConfigureOptions<RpcNetOptions>,
    IValidateOptions<RpcNetOptions>,
    IConfigureNamedOptions<RpcClientOptions>,
    IPostConfigureOptions<RpcClientOptions>,
    IValidateOptions<RpcClientOptions>
{
    private readonly IConfiguration? _section = registration.ResolveSection(services);

    /// <summary>The path of the section that is bound, for messages.</summary>
    public string SectionPath => (_section as IConfigurationSection)?.Path ?? RpcNetOptions.SectionName;

    public void Configure(RpcNetOptions options)
    {
        if (_section is not null)
        {
            ConfigurationInspector.Inspect(_section).Sound.Bind(options);
        }

        foreach (var (name, server) in registration.Servers)
        {
            if (!options.Servers.TryGetValue(name, out var named))
            {
                options.Servers[name] = named = new RpcNetNamedServerOptions();
            }

            if (server.Section is not null)
            {
                InspectServer(server.Section).Sound.Bind(named);
            }

            server.Configure.ForEach(configure => configure(named));
        }
    }

    public void Configure(string? name, RpcClientOptions options)
    {
        if (_section is not null)
        {
            ConfigurationInspector.Inspect(_section).Sound.GetSection($"{nameof(RpcNetOptions.Clients)}:{name}").Bind(options);
        }
    }

    public void Configure(RpcClientOptions options) => Configure(Options.DefaultName, options);

    public void PostConfigure(string? name, RpcClientOptions options)
    {
        // Tags alone choose among the members in a process that is one, and among the director's workers in any other.
        var needsDirector = string.IsNullOrEmpty(options.Address) && string.IsNullOrEmpty(options.Director)
            && (string.IsNullOrEmpty(options.Cluster.Tags) || !registration.HasCluster);
        if (needsDirector && _section?[nameof(RpcNetOptions.Director)] is { Length: > 0 } director)
        {
            options.Director = director;
        }
    }

    public ValidateOptionsResult Validate(string? name, RpcNetOptions options)
    {
        var complaints = _section is null ? [] : ConfigurationInspector.Inspect(_section).Complaints;
        var ofServers = registration.Servers.Values.Where(static s => s.Section is not null).SelectMany(static s => InspectServer(s.Section!).Complaints);
        return Result([.. complaints, .. ofServers, .. RpcNetOptionsRules.Check(options, registration, SectionPath)]);
    }

    public ValidateOptionsResult Validate(string? name, RpcClientOptions options) =>
        Result(RpcNetOptionsRules.Check(options, name ?? Options.DefaultName, registration, SectionPath));

    private static ConfigurationInspector InspectServer(IConfiguration section) =>
        ConfigurationInspector.Inspect(section, OptionsModel.Root.Find(nameof(RpcNetOptions.Servers))!.Element!);

    private static ValidateOptionsResult Result(IReadOnlyCollection<string> complaints) =>
        complaints.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(complaints);
}
