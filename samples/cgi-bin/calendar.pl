#!/usr/bin/perl -w
# This month's calendar. Another month: calendar.pl?year=1999&month=12
use strict;
use Time::Local;

my %form;
foreach my $pair (split /[&;]/, $ENV{QUERY_STRING} || '') {
    my ($name, $value) = split /=/, $pair, 2;
    $form{$name} = $1 if defined $value && $value =~ /^(\d{1,4})$/;
}

my @now = localtime;
my $year = $form{year} || $now[5] + 1900;
my $month = $form{month} || $now[4] + 1;
$year = $now[5] + 1900 if $year < 1970 || $year > 2100;
$month = $now[4] + 1 if $month < 1 || $month > 12;

my @names = qw(January February March April May June July August
    September October November December);
my @days = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31);
$days[1] = 29 if ($year % 4 == 0 && $year % 100 != 0) || $year % 400 == 0;
my $first = ((localtime timelocal(0, 0, 12, 1, $month - 1, $year))[6] + 6) % 7;

print "Content-Type: text/html\n\n";
print "<html><head><title>Calendar</title><link rel='stylesheet' href='/style.css'></head><body>\n";
print "<h1>$names[$month - 1] $year</h1>\n<pre>\n";
print " Mo Tu We Th Fr Sa Su\n", '   ' x $first;
for my $day (1 .. $days[$month - 1]) {
    printf '%3d', $day;
    print "\n" if ($day + $first) % 7 == 0;
}
print "\n</pre>\n<p><a href='/'>Back</a></p></body></html>\n";
