using ClusterTutorial;
using ClusterTutorial.Roles;
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
builder.Services.AddSystemd().AddWindowsService();
builder.Services.AddSerilog(logging => logging.ReadFrom.Configuration(builder.Configuration));

TutorialSettings settings;
try
{
    settings = TutorialSettings.Prepare(builder.Configuration);
}
catch (TutorialSettingsException e)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}

builder.Services.AddSingleton(settings);
switch (settings.Role)
{
    case TutorialRole.Director:
        Director.Configure(builder);
        break;
    case TutorialRole.Worker:
        Worker.Configure(builder);
        break;
    default:
        Client.Configure(builder, settings);
        break;
}

var host = builder.Build();
return await RpcNetHost.RunAsync(host);
