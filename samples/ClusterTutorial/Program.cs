using ClusterTutorial;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Serilog;

if (args is ["--help"] or ["-h"])
{
    Console.WriteLine(TutorialSettings.Help);
    return 0;
}

var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings
{
    Args = args,
    ContentRootPath = AppContext.BaseDirectory,
});
builder.Services.AddSerilog(logging => logging.ReadFrom.Configuration(builder.Configuration));

try
{
    TutorialApplication.Configure(builder);
}
catch (TutorialSettingsException e)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}

var host = builder.Build();
return await RpcNetHost.RunAsync(host);
